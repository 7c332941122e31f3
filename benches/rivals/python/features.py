"""Tickhawk's default set of 32 features by their definitions, over rings of NumPy rows."""

import math

import numpy as np

SECOND = 1_000_000_000
LONGEST = 60 * SECOND
GRID = SECOND // 10
NAN = math.nan


class Ring:
    """The newest rows of a series, contiguous: columns of float64 and their times."""

    def __init__(self, columns, rows=16384):
        self.at = np.empty(rows, dtype=np.int64)
        self.values = np.empty((rows, columns))
        self.end = 0
        self.count = 0

    def push(self, at, row):
        if self.end == len(self.at):
            half = self.end // 2
            self.at[:half] = self.at[half:]
            self.values[:half] = self.values[half:]
            self.end = half
        self.at[self.end] = at
        self.values[self.end] = row
        self.end += 1
        self.count += 1

    def since(self, at):
        """Index of the first row later than a time."""
        return np.searchsorted(self.at[: self.end], at, side="right")


def imbalance(bid, ask):
    return (bid - ask) / (bid + ask) if bid + ask != 0.0 else 0.0


def flow(before, bids, asks, level):
    """Cont, Kukanov and Stoikov's e at one level."""
    old_bids, old_asks = before
    b, qb = bids[level] if level < len(bids) else (-math.inf, 0.0)
    old_b, old_qb = old_bids[level] if level < len(old_bids) else (-math.inf, 0.0)
    a, qa = asks[level] if level < len(asks) else (math.inf, 0.0)
    old_a, old_qa = old_asks[level] if level < len(old_asks) else (math.inf, 0.0)
    return (
        (qb if b >= old_b else 0.0)
        - (old_qb if b <= old_b else 0.0)
        - (qa if a <= old_a else 0.0)
        + (old_qa if a >= old_a else 0.0)
    )


class Features:
    COUNT = 32
    DEPTH = 11

    def __init__(self, tick):
        self.tick = tick
        # OBI(5), OBI(1), order flow of five levels.
        self.books = Ring(7)
        self.mids = Ring(1)
        self.trades = Ring(1)
        self.top = None
        self.first_book = self.first_mid = self.first_trade = None
        self.emas = [[1e9, 0.0], [5e9, 0.0]]
        self.ema_at = 0

    def on_book(self, at, bids, asks):
        """A book message was applied; gives back OBI(5)."""
        flows = [0.0] * 5
        if self.top is not None:
            flows = [flow(self.top, bids, asks, level) for level in range(5)]
        else:
            self.first_book = at
        obi_5 = imbalance(sum(qty for _, qty in bids[:5]), sum(qty for _, qty in asks[:5]))
        self.books.push(at, (obi_5, imbalance(bids[0][1], asks[0][1]), *flows))
        self.top = (bids, asks)
        mid = (bids[0][0] + asks[0][0]) / 2.0
        if self.first_mid is None:
            self.first_mid = self.ema_at = at
            for ema in self.emas:
                ema[1] = mid
            self.mids.push(at, mid)
        elif self.mids.values[self.mids.end - 1, 0] != mid:
            self.age_emas(at)
            self.mids.push(at, mid)
        return obi_5

    def age_emas(self, at):
        mid = self.mids.values[self.mids.end - 1, 0]
        for ema in self.emas:
            ema[1] += (1.0 - math.exp((self.ema_at - at) / ema[0])) * (mid - ema[1])
        self.ema_at = at

    def on_trade(self, at, trade):
        qty = float(trade["q"])
        if self.first_trade is None:
            self.first_trade = at
        self.trades.push(at, -qty if trade["m"] else qty)

    def fill(self, at):
        self.age_emas(at)
        bids, asks = self.top
        (bid, bid_qty), (ask, ask_qty) = bids[0], asks[0]
        mid = (bid + ask) / 2.0
        total = lambda side, levels: sum(qty for _, qty in side[:levels])
        obi = lambda levels: imbalance(total(bids, levels), total(asks, levels))
        now = self.books.values[self.books.end - 1]
        weighted = (bid_qty * ask + ask_qty * bid) / (bid_qty + ask_qty)
        second, ten = self.books.since(at - SECOND), self.books.since(at - 10 * SECOND)
        flows = self.books.values[: self.books.end, 2:]
        second_whole = self.first_book + SECOND <= at
        ten_whole = self.first_book + 10 * SECOND <= at
        trades = self.trades.values[: self.trades.end, 0]
        trades_1 = trades[self.trades.since(at - SECOND) :]
        trades_10 = trades[self.trades.since(at - 10 * SECOND) :]
        whole_1 = self.first_trade is not None and self.first_trade + SECOND <= at
        whole_10 = self.first_trade is not None and self.first_trade + 10 * SECOND <= at
        return np.array(
            (
                now[1],
                obi(3),
                now[0],
                obi(10),
                (ask - bid) / self.tick,
                (weighted - mid) / self.tick,
                bid_qty,
                ask_qty,
                self.depth(bids),
                self.depth(asks),
                (self.slope(bids, mid) + self.slope(asks, mid)) / 2.0,
                flows[second:, 0].sum() if second_whole else NAN,
                flows[-64:, 2].sum() if self.books.count > 64 else NAN,
                flows[second:].sum() if second_whole else NAN,
                flows[ten:].sum() if ten_whole else NAN,
                float(self.books.end - second) if second_whole else NAN,
                trade_imbalance(trades_1),
                trade_imbalance(trades_10),
                trade_imbalance(trades[-32:]) if self.trades.count >= 32 else NAN,
                float(len(trades_1)) if whole_1 else NAN,
                np.abs(trades_1).sum() if whole_1 else NAN,
                np.abs(trades_10).sum() if whole_10 else NAN,
                len(trades_10) / 10.0 if whole_10 else NAN,
                self.mid_return(at - SECOND // 2, mid),
                self.mid_return(at - SECOND, mid),
                self.mid_return(at - 5 * SECOND, mid),
                self.realised_vol(at),
                self.ema_offset(at, 0, mid),
                self.ema_offset(at, 1, mid),
                self.zscore(at, 0),
                self.zscore(at, 1),
                self.kyle_lambda(at),
            )
        )

    def depth(self, side):
        best, reach = side[0][0], 10.5 * self.tick
        return sum(qty for price, qty in side if abs(price - best) <= reach)

    def slope(self, side, mid):
        near = np.array(side[:10])
        distances = np.abs(near[:, 0] - mid) / self.tick
        steps = np.diff(distances, prepend=0.0)
        if (steps <= 1e-9).any():
            return NAN
        growth = np.ones(len(near))
        growth[1:] = near[1:, 1] / np.cumsum(near[:, 1])[:-1]
        return (growth / steps).mean()

    def mid_return(self, at, mid):
        index = self.mids.since(at)
        return math.log(mid / self.mids.values[index - 1, 0]) if index > 0 else NAN

    def mids_before(self, times):
        """The mids in force just before these times, or None if one is before the first."""
        indices = np.searchsorted(self.mids.at[: self.mids.end], times, side="left")
        return self.mids.values[indices - 1, 0] if indices[0] > 0 else None

    def realised_vol(self, at):
        newest = at // GRID
        mids = self.mids_before(np.arange(newest - 100, newest + 1) * GRID)
        return NAN if mids is None else math.sqrt((np.diff(np.log(mids)) ** 2).sum())

    def ema_offset(self, at, index, mid):
        tau, ema = self.emas[index]
        return (mid - ema) / self.tick if self.first_mid + tau <= at else NAN

    def zscore(self, at, column):
        values = self.books.values[self.books.since(at - LONGEST) : self.books.end, column]
        past = values[:-1]
        if len(past) < 30:
            return NAN
        deviation = past.std()
        return (values[-1] - past.mean()) / deviation if deviation > 0.0 else NAN

    def kyle_lambda(self, at):
        newest = at // SECOND
        oldest = max(newest - 60, self.first_mid // SECOND + 1)
        seconds = newest - oldest
        if seconds < 10:
            return NAN
        mids = self.mids_before(np.arange(oldest, newest + 1) * SECOND)
        moved = np.diff(mids) / self.tick
        at_trades = self.trades.at[: self.trades.end]
        begin, end = np.searchsorted(at_trades, (oldest * SECOND, newest * SECOND), side="left")
        seconds_of = at_trades[begin:end] // SECOND - oldest
        signed = self.trades.values[begin:end, 0]
        volumes = np.bincount(seconds_of, weights=signed, minlength=seconds)
        variance = seconds * (volumes @ volumes) - volumes.sum() ** 2
        covariance = seconds * (volumes @ moved) - volumes.sum() * moved.sum()
        return covariance / variance if variance > 0.0 else NAN


def trade_imbalance(signed):
    volume = np.abs(signed).sum()
    return signed.sum() / volume if volume > 0.0 else NAN
