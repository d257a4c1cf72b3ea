#!/usr/bin/env python3
"""Prints edges.txt: the first instants of billing days, found without any calendar arithmetic of
ours: by bisection for the first second at which the zone's clocks show that day or a later one."""

from calendar import monthrange
from datetime import date, datetime, timezone
from zoneinfo import ZoneInfo

ZONES = ["UTC", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"]
DAYS = [1, 15, 29, 30, 31]
# Sao Paulo had summer time until 2019, which began and ended at midnight; both hold a leap day.
SPANS = [((2015, 9), 17), ((2027, 6), 17)]


def first_second(zone, day):
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=timezone.utc).timestamp())
    low, high = noon - 3 * 86400, noon + 2 * 86400
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).date() >= day:
            high = middle
        else:
            low = middle
    return high


for name in ZONES:
    for billing_day in DAYS:
        for (year, month), count in SPANS:
            edges = []
            for n in range(count):
                y, m = year + (month - 1 + n) // 12, (month - 1 + n) % 12 + 1
                day = date(y, m, min(billing_day, monthrange(y, m)[1]))
                edges.append(str(first_second(ZoneInfo(name), day)))
            print(name, billing_day, *edges)
