"""The same policies over the same recording, traded by Tickhawk and by hftbacktest.

    python3 -m venv venv && venv/bin/pip install -r requirements-trading.txt
    cargo build --example trade_events -p tickhawk-backtest
    venv/bin/python trading.py BINARY TICK LOT FILE...

BINARY is target/debug/examples/trade_events; TICK and LOT are the instrument's steps as text (`0.1
0.001` for BTCUSDT); FILEs are what hftbacktest's collector recorded of one Binance USD-M instrument, in
order. Reads them itself, makes a signal of the five best levels, hands the same events to both, and
compares orders, fills and equity. Prints a line a case, then what differs, and fails where a difference
is not one of those it knows the reason of.

What is made equal:

- An event stands at the exchange FEED before its receive time: the recorder's clock ran behind the
  exchange's by more than a second, so its own times are of no use.
- Fills are known after RESPONSE, which is FEED: so hftbacktest's account, which is the policy's, stands
  at g + FEED as Tickhawk's, which is the exchange's, stands at g.
- Both policies wait for an order's confirmation before they cancel it: hftbacktest cannot cancel before.
- Books are whole from the snapshot on; the diffs before it are put into it.
- Levels that a diff repeats as they are go to neither. Tickhawk compares books and never sees them;
  hftbacktest adjusts the queue on each: where its estimate of what is ahead has come below minus one of
  the base asset, the logarithms' probability is no number, and a repeat puts the order behind the whole
  level. (With the repeats, that is one order in 635 of `log` on ETHUSDT.)
- hftbacktest fills with `NoPartialFillExchange` where orders rest, Tickhawk with `whole` fills; with
  `PartialFillExchange` and orders of one lot where they take, since its policy is told of the last
  level only that an order took (`Local` applies one fill an answer).
"""

import argparse
import functools
import gzip
import heapq
import json
import subprocess
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
)
from hftbacktest.order import CANCELED, EXPIRED, FILLED, GTX, IOC, LIMIT
from hftbacktest.types import event_dtype
from numba import njit

MS = 1_000_000
FEED, ENTRY, RESPONSE, SIGNAL = 5 * MS, 3 * MS, 5 * MS, 50_000
SAMPLE = 1_000 * MS
MAKER_E8, TAKER_E8 = 20_000, 50_000
ENTER, EXIT = 0.3, 0.1
LONG, FLAT, SHORT = 1, 0, -1


@functools.cache
def steps(text, step):
    number = Decimal(text) / step
    assert number == number.to_integral_value(), f"{text} is no multiple of {step}"
    return int(number)


class Recording:
    """Messages to events in ticks and lots: (kind, time, ...), by receive time."""

    def __init__(self, paths, tick, lot):
        self.tick, self.lot = Decimal(tick), Decimal(lot)
        self.sides = ({}, {})
        self.events, self.waiting = [], []
        self.repeats = 0
        self.last_id = None
        self.at = 0
        self.decision = None
        for path in paths:
            with gzip.open(path, "rt", encoding="utf-8") as file:
                for line in file:
                    received, text = line.split(" ", 1)
                    self.at = max(self.at, int(received))
                    self.message(json.loads(text))

    def levels(self, data, bids, asks):
        return [
            (side, steps(price, self.tick), steps(qty, self.lot))
            for side, levels in ((0, data[bids]), (1, data[asks]))
            for price, qty in levels
        ]

    def message(self, message):
        data = message.get("data", message)
        event = data.get("e")
        if "lastUpdateId" in data:
            self.snapshot(data)
        elif event == "depthUpdate" and self.last_id is None:
            self.waiting.append(data)
        elif event == "depthUpdate":
            assert data["pu"] == self.last_id, "the recording has a gap"
            self.last_id = data["u"]
            self.events.append(("diff", self.at, self.apply(self.levels(data, "b", "a"))))
            self.signal()
        elif event == "trade" and data["X"] == "MARKET" and self.last_id is not None:
            price, qty = steps(data["p"], self.tick), steps(data["q"], self.lot)
            self.events.append(("trade", self.at, price, qty, data["m"]))

    def snapshot(self, data):
        assert self.last_id is None, "a second snapshot"
        self.apply(self.levels(data, "bids", "asks"))
        self.last_id = data["lastUpdateId"]
        for diff in self.waiting:
            if diff["u"] >= data["lastUpdateId"]:
                self.apply(self.levels(diff, "b", "a"))
                self.last_id = diff["u"]
        book = [(side, *level) for side in (0, 1) for level in sorted(self.sides[side].items())]
        self.events.append(("snapshot", self.at, book))
        self.signal()

    def apply(self, levels):
        """Those of them that change the book."""
        changes = []
        for side, price, qty in levels:
            if self.sides[side].get(price, 0) == qty:
                self.repeats += 1
                continue
            changes.append((side, price, qty))
            if qty:
                self.sides[side][price] = qty
            else:
                del self.sides[side][price]
        return changes

    def signal(self):
        bids = heapq.nlargest(5, self.sides[0].items())
        asks = heapq.nsmallest(5, self.sides[1].items())
        bid, ask = (sum(qty for _, qty in side) for side in (bids, asks))
        imbalance = (bid - ask) / (bid + ask)
        held = self.decision
        if imbalance >= ENTER:
            held = LONG
        elif imbalance <= -ENTER:
            held = SHORT
        elif held is None or abs(imbalance) < EXIT or (imbalance > 0) != (held > 0):
            held = FLAT
        if held != self.decision:
            self.decision = held
            self.events.append(("signal", self.at + SIGNAL, held))

    def write(self, path):
        words = {LONG: "long", FLAT: "flat", SHORT: "short"}
        with open(path, "w", encoding="ascii") as file:
            for kind, at, *rest in self.events:
                if kind in ("snapshot", "diff"):
                    text = " ".join(f"{'ba'[side]}:{price}:{qty}" for side, price, qty in rest[0])
                elif kind == "trade":
                    price, qty, buyer_made = rest
                    text = f"{price} {qty} {'a' if buyer_made else 'b'}"
                else:
                    text = words[rest[0]]
                file.write(f"{kind} {at} {text}\n")

    def arrays(self):
        """hftbacktest's rows, and the signals."""
        tick, lot = float(self.tick), float(self.lot)
        rows, signals = [], []
        for kind, at, *rest in self.events:
            if kind == "signal":
                signals.append((at, rest[0]))
                continue
            if kind == "trade":
                price, qty, buyer_made = rest
                flags = [(TRADE_EVENT | (SELL_EVENT if buyer_made else BUY_EVENT), price, qty)]
            else:
                flags = [
                    (DEPTH_EVENT | (SELL_EVENT if side else BUY_EVENT), price, qty)
                    for side, price, qty in rest[0]
                ]
            for flag, price, qty in flags:
                flag |= EXCH_EVENT | LOCAL_EVENT
                rows.append((flag, at - FEED, at, price * tick, qty * lot, 0, 0, 0.0))
        return np.array(rows, event_dtype), np.array(signals, np.int64)


@njit
def done(status):
    return status == FILLED or status == EXPIRED or status == CANCELED


@njit
def note(row, number, at, sign, price, qty):
    row[0], row[1], row[2], row[3], row[4] = number, at, sign, price, qty


@njit
def trade(hbt, signals, is_maker, order_lots, most_lots, skew, through, tick, lot, orders, fills, times, curve):
    """The policies of Tickhawk's `desk.rs`, on hftbacktest's account. Fills the arrays, and says how
    many rows of each."""
    # Bid, ask, and the order that takes: its number or -1, its price; what it was sent on.
    number = np.full(3, -1, np.int64)
    price = np.zeros(3, np.int64)
    is_cancelling = np.zeros(3, np.bool_)
    sent_on = np.zeros(2, np.int64)
    in_vain_on = np.full(2, -1, np.int64)
    changes, next_number = 0, 0
    touch = (0, 0, 0, 0)
    has_touch, decision, has_decision, heard = False, 0, False, 0
    n_orders, n_fills, n_curve = 0, 0, 0
    while True:
        timeout = 1 << 60
        if heard < len(signals) and n_curve > 0:
            timeout = signals[heard, 0] - hbt.current_timestamp
        woken = hbt.wait_next_feed(True, timeout)
        if woken == 1:
            break
        if woken != 0 and woken != 2 and woken != 3:
            return n_orders, n_fills, n_curve, woken
        now = hbt.current_timestamp

        # What the exchange answered.
        for slot in range(3):
            if number[slot] < 0:
                continue
            order = hbt.orders(0).get(number[slot])
            if not done(order.status):
                continue
            side = slot if slot < 2 else (0 if order.side == 1 else 1)
            if order.status == FILLED:
                fills[n_fills, 0] = order.order_id
                fills[n_fills, 1] = order.exch_timestamp
                fills[n_fills, 2] = order.side
                fills[n_fills, 3] = order.exec_price_tick
                fills[n_fills, 4] = round(order.exec_qty / lot)
                fills[n_fills, 5] = now
                n_fills += 1
            elif order.status == EXPIRED:
                in_vain_on[side] = sent_on[side]
            number[slot] = -1
            is_cancelling[slot] = False
        hbt.clear_inactive_orders(0)

        # What is seen and heard.
        depth = hbt.depth(0)
        if depth.best_bid_tick < 0 or depth.best_ask_tick > 1 << 40:
            continue
        seen = (
            depth.best_bid_tick, depth.best_ask_tick,
            round(depth.best_bid_qty / lot), round(depth.best_ask_qty / lot),
        )
        if not has_touch or seen != touch:
            changes += 1
        touch, has_touch = seen, True
        while heard < len(signals) and signals[heard, 0] <= now:
            decision, has_decision = signals[heard, 1], True
            changes += 1
            heard += 1
        state = hbt.state_values(0)
        mid = (depth.best_bid + depth.best_ask) / 2.0
        times[n_curve] = now
        curve[n_curve] = state.balance + state.position * mid - state.fee
        n_curve += 1
        if not has_decision:
            continue

        position = round(state.position / lot)
        if not is_maker:
            missing = decision * most_lots - position
            side = 0 if missing > 0 else 1
            if missing == 0 or number[2] >= 0 or in_vain_on[side] == changes:
                continue
            qty = min(abs(missing), order_lots)
            limit = touch[1] + through if side == 0 else touch[0] - through
            if side == 0:
                hbt.submit_buy_order(0, next_number, limit * tick, qty * lot, IOC, LIMIT, False)
            else:
                hbt.submit_sell_order(0, next_number, limit * tick, qty * lot, IOC, LIMIT, False)
            note(orders[n_orders], next_number, now, 1 if side == 0 else -1, limit, qty)
            number[2] = next_number
            sent_on[side] = changes
            n_orders += 1
            next_number += 1
            continue

        for side in range(2):
            sign = 1 if side == 0 else -1
            qty = min(order_lots, most_lots - sign * position)
            away = skew if decision == -sign else 0
            wanted = touch[side] - sign * away
            if number[side] >= 0:
                if qty > 0 and price[side] == wanted:
                    continue
                order = hbt.orders(0).get(number[side])
                if order.cancellable and not is_cancelling[side]:
                    hbt.cancel(0, number[side], False)
                    is_cancelling[side] = True
            elif qty > 0 and in_vain_on[side] != changes:
                if side == 0:
                    hbt.submit_buy_order(0, next_number, wanted * tick, qty * lot, GTX, LIMIT, False)
                else:
                    hbt.submit_sell_order(0, next_number, wanted * tick, qty * lot, GTX, LIMIT, False)
                note(orders[n_orders], next_number, now, sign, wanted, qty)
                number[side] = next_number
                price[side] = wanted
                sent_on[side] = changes
                n_orders += 1
                next_number += 1
    return n_orders, n_fills, n_curve, 1


QUEUES = {
    "risk_averse": ("risk_averse", lambda asset: asset.risk_adverse_queue_model()),
    "power 3": ({"power": {"n": 3.0}}, lambda asset: asset.power_prob_queue_model(3.0)),
    "power2 2": ({"power2": {"n": 2.0}}, lambda asset: asset.power_prob_queue_model2(2.0)),
    "power3 2": ({"power3": {"n": 2.0}}, lambda asset: asset.power_prob_queue_model3(2.0)),
    "log": ("log", lambda asset: asset.log_prob_queue_model()),
    "log2": ("log2", lambda asset: asset.log_prob_queue_model2()),
}


def theirs(recording, rows, signals, case):
    tick, lot = float(recording.tick), float(recording.lot)
    asset = (
        BacktestAsset()
        .data(rows)
        .linear_asset(1.0)
        .constant_order_latency(ENTRY, RESPONSE)
        .trading_value_fee_model(MAKER_E8 / 1e8, TAKER_E8 / 1e8)
        .tick_size(tick)
        .lot_size(lot)
    )
    asset = QUEUES[case["queue"]][1](asset)
    is_maker = case["policy"] == "maker"
    asset = asset.no_partial_fill_exchange() if is_maker else asset.partial_fill_exchange()
    hbt = HashMapMarketDepthBacktest([asset])
    orders = np.zeros((len(rows), 5), np.int64)
    fills = np.zeros((len(rows), 6), np.int64)
    times = np.zeros(2 * len(rows) + 4 * len(signals), np.int64)
    curve = np.zeros(len(times), np.float64)
    n_orders, n_fills, n_curve, code = trade(
        hbt, signals, is_maker, case["order_lots"], case["most_lots"], case["skew"],
        case["through"], tick, lot, orders, fills, times, curve,
    )
    hbt.close()
    assert code == 1, f"hftbacktest ended with {code}"
    return orders[:n_orders], fills[:n_fills], times[:n_curve], curve[:n_curve]


def decimals(step):
    return max(0, -step.normalize().as_tuple().exponent)


def ours(recording, binary, events, case, folder):
    # Units are ticks and lots where those are powers of ten, as the events say them.
    assert recording.tick == Decimal(1).scaleb(-decimals(recording.tick)), "tick is no power of ten"
    assert recording.lot == Decimal(1).scaleb(-decimals(recording.lot)), "lot is no power of ten"
    lots = {"order_lots": case["order_lots"]}
    constant = lambda ns: {"constant": {"latency_ns": ns}}
    config = {
        "instrument": {
            "price_decimals": decimals(recording.tick),
            "qty_decimals": decimals(recording.lot),
            "tick_units": 1,
            "lot_units": 1,
        },
        "policy": {"maker": lots | {"offset_ticks": 0, "skew_ticks": case["skew"]}}
        if case["policy"] == "maker"
        else {"taker": lots | {"position_lots": case["most_lots"]}},
        "limits": {"position_lots": case["most_lots"], "loss": None},
        "through_ticks": case["through"],
        "queue": QUEUES[case["queue"]][0],
        "queue_bounds": case["bounds"],
        "maker_fills": "whole",
        "fees": {"maker_e8": MAKER_E8, "taker_e8": TAKER_E8},
        "latency": {
            "feed": constant(FEED),
            "entry": constant(ENTRY),
            "response": constant(RESPONSE),
        },
        "depth_levels": 131_072,
        "sample_ns": SAMPLE,
        "horizons_ns": [SAMPLE],
        "bootstrap": {"resamples": 0, "block": None, "confidence": 0.95},
        "seed": 0,
    }
    config_path, report_path = folder / "config.json", folder / "report.json"
    config_path.write_text(json.dumps(config), encoding="ascii")
    command = [binary, events, config_path, report_path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads(report_path.read_text(encoding="ascii"))


def compare(report, orders, fills, times, curve, end):
    """Counts of what agrees, and the largest difference of equity."""
    sign = {"buy": 1, "sell": -1}
    # What either only learns of after the last event is no difference.
    mine = [
        (o["sent_at_ns"], sign[o["side"]], o["price_units"], o["qty_units"])
        for o in report["orders"]
        if o["sent_at_ns"] < end
    ]
    their = [tuple(int(x) for x in row[1:]) for row in orders if row[1] < end]
    same_orders = len(set(mine) & set(their))
    my_fills = [
        (f["at_ns"], sign[f["side"]], f["price_units"], f["qty_units"])
        for f in report["fills"]
        if f["known_at_ns"] < end
    ]
    their_fills = [tuple(int(x) for x in row[1:5]) for row in fills if row[5] < end]
    same_fills = len(set(my_fills) & set(their_fills))
    differences, pair = [], None
    for point in report["equity"]:
        at = point["at_ns"] + FEED
        place = np.searchsorted(times, at, side="right") - 1
        if 0 <= place and at < end:
            pair = (point["equity"], float(curve[place]))
            differences.append(abs(pair[0] - pair[1]))
    first = next((pair for pair in zip(mine, their) if pair[0] != pair[1]), None)
    return {
        "orders": [len(mine), len(their), same_orders],
        "fills": [len(my_fills), len(their_fills), same_fills],
        "points": len(differences),
        "equity_difference": max(differences, default=0.0),
        "last_equity": pair,
        "first_order_that_differs": first,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=Path)
    parser.add_argument("tick")
    parser.add_argument("lot")
    parser.add_argument("files", nargs="+", type=Path)
    arguments = parser.parse_args()
    recording = Recording(arguments.files, arguments.tick, arguments.lot)
    rows, signals = recording.arrays()
    end = max(event[1] for event in recording.events if event[0] != "signal")
    counts = {kind: sum(event[0] == kind for event in recording.events) for kind in ("diff", "trade")}
    print(
        f"{counts['diff']} diffs, {counts['trade']} trades, {len(signals)} changes of the signal; "
        f"{recording.repeats} levels that diffs repeat are left out"
    )
    base = {"order_lots": 1, "most_lots": 1, "skew": 0, "through": 0, "queue": "risk_averse"}
    base |= {"bounds": "hftbacktest"}
    cases = [base | {"policy": "taker"}]
    cases += [base | {"policy": "taker", "most_lots": 5, "through": 2}]
    for queue in QUEUES:
        cases += [base | {"policy": "maker", "queue": queue, "order_lots": 20, "most_lots": 100}]
    cases += [base | {"policy": "maker", "queue": "log", "skew": 3, "most_lots": 10}]
    # Tickhawk keeps what is ahead of an order from falling below nothing: these may differ.
    for queue in QUEUES:
        case = {"policy": "maker", "queue": queue, "order_lots": 20, "most_lots": 100}
        cases += [base | case | {"bounds": "kept"}]
    agrees = True
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        events = folder / "events.txt"
        recording.write(events)
        for case in cases:
            result = compare(
                ours(recording, arguments.binary, events, case, folder),
                *theirs(recording, rows, signals, case),
                end,
            )
            print(json.dumps(case | result))
            same = [part[0] == part[1] == part[2] for part in (result["orders"], result["fills"])]
            if case["bounds"] == "hftbacktest":
                agrees &= all(same) and result["equity_difference"] < 1e-6
    raise SystemExit(0 if agrees else "some differ")


if __name__ == "__main__":
    main()
