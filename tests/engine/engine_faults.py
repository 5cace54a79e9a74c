"""The script: which request goes wrong, and how.

A rule is a JSON object:

    method   "GET", "POST", "DELETE"; absent: any
    path     a regular expression, searched in the path with its query, without "/v1.NN"
    nth      from which match on (1), and
    times    for how many (1; 0: for ever)
    do       what happens, see below
    apply    true: the request takes effect first, as far as it can

    do=hang   no answer until the client leaves or POST /_release
    do=hold   the answer is of now, and goes out at POST /_release
    do=wait   until POST /_release, then as usual
    do=delay  `ms` pass, then as usual
    do=close  the connection ends without a byte of answer; with `late`, the request takes effect
              so many ms afterwards: of a network that is there by then a second one is made, as by
              an engine that had looked before
    do=error  `status` (500) with `text` as {"message": text}; `raw`: as it is
    do=break  the answer ends after `bytes` (10) of its body
    do=slow   the answer comes in pieces of `bytes` (16), `ms` (20) apart
    do=body   200 with `text` as the body, whatever it is
    do=huge   200 with `bytes` of JSON
    do=lines  200, then `lines` (objects or strings) one by one, `ms` (0) apart, and then
              `then`: "end" (default), "hang" or "close"
"""
import re

DOINGS = ("hang", "hold", "wait", "delay", "close", "error", "break", "slow", "body", "huge", "lines")


class Rule:
    def __init__(self, source):
        self.source = source
        self.do = source["do"]
        if self.do not in DOINGS:
            raise ValueError(f"do={self.do!r}: one of {', '.join(DOINGS)}")
        self.method = source.get("method")
        self.path = re.compile(source.get("path", ""))
        self.first = source.get("nth", 1)
        self.times = source.get("times", 1)
        self.matched = 0

    def get(self, key, otherwise=None):
        return self.source.get(key, otherwise)

    def takes(self, method, path):
        if self.method not in (None, method) or not self.path.search(path):
            return False
        self.matched += 1
        return self.matched >= self.first and (
            self.times == 0 or self.matched < self.first + self.times)


class Script:
    def __init__(self, rules=()):
        self.rules = [Rule(rule) for rule in rules]

    def add(self, rules):
        self.rules += [Rule(rule) for rule in rules]

    def clear(self):
        self.rules = []

    def rule_for(self, method, path):
        """The first that takes it; every matching one counts the request."""
        taking = [rule for rule in self.rules if rule.takes(method, path)]
        return taking[0] if taking else None
