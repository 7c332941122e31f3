"""The design of the field's articles: json, dict book, NumPy ring, queue, onnxruntime worker.

    pipeline.py replay MESSAGES MODEL TICK [--inline]    a recording, timed
    pipeline.py client WS REST SYMBOL TICK MODEL --frames N --began NS --gap NS [--inline]
                                                         a WebSocket server, timed

`client` takes frame n, counted from 1, as received at --began plus n times --gap, so that windows hold
the same whatever the pace; it hears N frames, or what there is.

`replay` makes a pass for each line on stdin and prints a JSON line for it; `client` prints the
frames that made a signal, and when, as JSON at the end. MESSAGES has a line a message: receive time, `frame` or `snapshot`,
and the text, separated by blanks.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import time
import urllib.request

import numpy as np

from book import Book
from features import Features


class Market:
    """Messages to rows for the model."""

    def __init__(self, tick):
        self.book = Book()
        self.features = Features(tick)
        self.seen = np.zeros(self.features.COUNT, dtype=bool)
        self.messages = 0
        self.obi_sum = 0.0
        self.has_diffs = False

    def on_snapshot(self, at, body):
        waiting = self.book.snapshot(json.loads(body))
        self.applied(at)
        for update in waiting:
            if self.book.update(update):
                self.applied(at)
        return self.row(at)

    def on_message(self, at, text):
        message = json.loads(text)
        stream = message.get("stream", "")
        if "@depth" in stream:
            self.has_diffs = True
            if self.book.update(message["data"]):
                self.applied(at)
                return self.row(at)
        elif stream.endswith("@trade"):
            self.features.on_trade(at, message["data"])
        return None

    def applied(self, at):
        bids, asks = self.book.top(self.features.DEPTH)
        self.messages += 1
        self.obi_sum += self.features.on_book(at, bids, asks)

    def row(self, at):
        values = self.features.fill(at)
        valid = ~np.isnan(values)
        self.seen |= valid
        if not self.seen.all():
            return None
        return np.where(valid, values, 0.0).astype(np.float32)

    def outcome(self):
        (bid,), (ask,) = self.book.top(1)
        return {
            "messages": self.messages,
            "bid": list(bid),
            "ask": list(ask),
            "obi_sum": self.obi_sum,
        }


class Scorer:
    """Rows to signals."""

    def __init__(self, model):
        import onnxruntime

        self.session = onnxruntime.InferenceSession(model)
        self.input = self.session.get_inputs()[0].name
        self.held = "flat"
        self.scores = {"signals": 0, "score_sum": 0.0, "not_flat": 0}

    def score(self, row):
        probabilities = self.session.run(None, {self.input: row[None, :]})[0][0]
        score = float(probabilities[2] - probabilities[0])
        if score >= 0.2:
            self.held = "long"
        elif score <= -0.2:
            self.held = "short"
        elif not (self.held == "long" and score >= 0.05 or self.held == "short" and score <= -0.05):
            self.held = "flat"
        self.scores["signals"] += 1
        self.scores["score_sum"] += score
        self.scores["not_flat"] += self.held != "flat"
        return json.dumps({"score": score, "decision": self.held})


def monotonic_ns():
    """By the clock that all processes share."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def worker(model, rows, results):
    """Scores until it is told to stop; says when each signal was there."""
    scorer, times = Scorer(model), []
    results.put("ready")
    while (item := rows.get()) is not None:
        at, row = item
        scorer.score(row)
        times.append((at, monotonic_ns()))
    results.put((scorer.scores, times))


def start_worker(model):
    context = multiprocessing.get_context("spawn")
    rows, results = context.Queue(), context.Queue()
    process = context.Process(target=worker, args=(model, rows, results))
    process.start()
    assert results.get() == "ready"
    return process, rows, results


def replay(arguments):
    with open(arguments.messages, encoding="utf-8") as file:
        messages = [line.rstrip("\n").split(" ", 2) for line in file]
    messages = [(int(at), kind == "snapshot", text) for at, kind, text in messages]
    # A pass for each line on stdin, so that whoever asks can do something else in between.
    for _ in sys.stdin:
        report = one_pass(arguments, messages)
        print(json.dumps(report), flush=True)


def one_pass(arguments, messages):
    market = Market(arguments.tick)
    if arguments.inline:
        scorer = Scorer(arguments.model)
    else:
        process, rows, results = start_worker(arguments.model)
    begun = time.perf_counter_ns()
    for at, is_snapshot, text in messages:
        row = market.on_snapshot(at, text) if is_snapshot else market.on_message(at, text)
        if row is None:
            continue
        if arguments.inline:
            scorer.score(row)
        else:
            rows.put((at, row))
    if arguments.inline:
        scores = scorer.scores
    else:
        rows.put(None)
        scores, _ = results.get()
    nanos = time.perf_counter_ns() - begun
    if not arguments.inline:
        process.join()
    return {
        "messages": len(messages),
        "us_per_message": nanos / 1e3 / len(messages),
        "outcome": market.outcome(),
        "scores": scores,
    }


async def client(arguments):
    import websockets

    if arguments.inline:
        scorer, times = Scorer(arguments.model), []
    else:
        process, rows, results = start_worker(arguments.model)
    market = Market(arguments.tick)
    name = arguments.symbol.lower()
    streams = f"{name}@depth@0ms/{name}@bookTicker/{name}@trade"
    async with websockets.connect(f"{arguments.ws}/stream?streams={streams}") as socket:
        frame = 0
        try:
            async for text in socket:
                frame += 1
                at = arguments.began + frame * arguments.gap
                row = market.on_message(at, text)
                if row is not None:
                    if arguments.inline:
                        scorer.score(row)
                        times.append((frame, monotonic_ns()))
                    else:
                        rows.put((frame, row))
                elif market.has_diffs and market.book.last_id is None:
                    url = f"{arguments.rest}/fapi/v1/depth?symbol={arguments.symbol}&limit=1000"
                    read = lambda: urllib.request.urlopen(url).read()
                    body = await asyncio.to_thread(read)
                    market.on_snapshot(at, body)
                if frame == arguments.frames:
                    break
        except websockets.ConnectionClosed:
            pass
    if not arguments.inline:
        rows.put(None)
        _, times = results.get()
        process.join()
    # The frames that made a signal, and when it was there.
    print(json.dumps(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("replay")
    one.add_argument("messages")
    one.add_argument("model")
    one.add_argument("tick", type=float)
    one.add_argument("--inline", action="store_true")
    one.set_defaults(run=replay)
    other = commands.add_parser("client")
    for name in ("ws", "rest", "symbol"):
        other.add_argument(name)
    other.add_argument("tick", type=float)
    other.add_argument("model")
    for name in ("--frames", "--began", "--gap"):
        other.add_argument(name, type=int, required=True)
    other.add_argument("--inline", action="store_true")
    other.set_defaults(run=lambda arguments: asyncio.run(client(arguments)))
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
