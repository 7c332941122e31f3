"""A dict book a side, Binance USD-M's rules of its sequence, and nothing else."""

import heapq


class Book:
    def __init__(self):
        self.bids = {}
        self.asks = {}
        self.last_id = None
        self.waiting = []

    def snapshot(self, body):
        """Takes the REST snapshot; gives back the diffs that waited for it."""
        self.bids = {float(price): float(qty) for price, qty in body["bids"]}
        self.asks = {float(price): float(qty) for price, qty in body["asks"]}
        self.last_id = body["lastUpdateId"]
        waiting, self.waiting = self.waiting, []
        return [update for update in waiting if update["u"] >= self.last_id]

    def update(self, update):
        """Takes a diff; False if it has to wait for the snapshot, or is older."""
        if self.last_id is None:
            self.waiting.append(update)
            return False
        if update["u"] < self.last_id:
            return False
        if update["pu"] != self.last_id and update["U"] > self.last_id:
            raise ValueError(f"a gap before {update['u']}")
        for side, levels in ((self.bids, update["b"]), (self.asks, update["a"])):
            for price, qty in levels:
                price, qty = float(price), float(qty)
                if qty == 0.0:
                    side.pop(price, None)
                else:
                    side[price] = qty
        self.last_id = update["u"]
        return True

    def top(self, levels):
        """The best levels of both sides, best first."""
        bids = [(price, self.bids[price]) for price in heapq.nlargest(levels, self.bids)]
        asks = [(price, self.asks[price]) for price in heapq.nsmallest(levels, self.asks)]
        return bids, asks
