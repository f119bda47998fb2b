"""The counted figures: the same twice, and no worse than bench/baseline.json."""
import guest
import records

# What their members do by the clock falls into it, here or there: the same within so much.
SERVED = {"page_need/1": 0.01}


def test_counts(report):
    """two runs give the same figures, and none grew by more than 2%"""
    first, second = records.count_all(), records.count_all()
    again = {records.key(r): r["median"] for r in second}
    differ = [f"{records.key(r)}: {r['median']}, then {again.get(records.key(r))}" for r in first
              if abs(again.get(records.key(r), 0) - r["median"]) > SERVED.get(records.key(r), 0) * r["median"]]
    report.result("count: two runs give the same figures", not differ, f"{len(first)} figures", "\n".join(differ))
    rows = list(records.compare(first, records.read_baseline()))
    worse = [line for line, failed in rows if failed]
    better = [line for line, failed in rows if not failed]
    report.result("count: the figures against the baseline", not worse, f"{len(better)} are better by more than 2%",
                  "\n".join(worse + better))
    if not first:
        raise guest.Failure("there are no counted figures")
