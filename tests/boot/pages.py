"""Members of the page fleet are killed while clients take and give back pages; then all pages are counted."""
import random
import re

import guest

KILLS = 100


def hoard(report, cores, kills, **machine):
    seed = random.randrange(1, 1 << 32) if report.soak else 1
    kills = max(kills, report.soak)
    with guest.boot(300 + 4 * report.soak, cores=cores, **machine) as g:
        g.prompt()
        output = g.shell(f"hoard {kills} {seed} 8", 300 + 4 * report.soak)
        last = re.search(r"^hoard: (\d+) kills, 8 clients, (\d+) failed", output, re.MULTILINE)
        counts = re.findall(r"^hoard: .*: (\d+) pages, (\d+) lost, (\d+) doubled, (\d+) strange, (\d+) orphans",
                            output, re.MULTILINE)
        if not last or len(counts) != 2:
            raise guest.Failure(f"hoard {kills} {seed} did not come to its end", output[-3000:])
        ok = int(last[1]) == kills and int(last[2]) == 0 and int(counts[0][0]) > 0
        ok = ok and all(int(n) == 0 for count in counts for n in count[1:])
        report.result(f"boot pages: {last[0]}, {counts[0][0]} pages, seed {seed}", ok, log=output[-3000:])


def test_4_cores(report):
    """kills under load: 8 clients that take pages, 100 kills of members, a ledger"""
    hoard(report, 4, KILLS)
