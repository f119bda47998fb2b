"""Each model holds in all of its states, and each mistake made in it on purpose is found."""
import glob
import os
import re

import guest
import limited
import spin


def verify(report, stem, index, kind, what, options):
    path = os.path.join(spin.HERE, f"{stem}.pml")
    name = f"model {stem}: {what}"
    try:
        verdict = spin.look(path, options, f"{stem}-{index}", spin.SOAK_LIMIT if kind == "soak" else spin.LIMIT)
    except limited.Late as late:
        return report.result(name, False, str(late))
    if kind == "mutant":
        found = verdict.wrong is not None
        text = f"{'found: ' + verdict.wrong[1] if found else 'not found'}, {verdict}"
        return report.result(name, found, text, verdict.out)
    if verdict.wrong:
        return report.result(name, False, verdict.wrong[1], spin.trail(path, options, f"{stem}-{index}"))
    text = f"{verdict}" if verdict.whole else f"not all states were looked at: {verdict}"
    report.result(name, verdict.whole, text, verdict.out)


def model(report, stem):
    for index, (kind, what, options) in enumerate(spin.runs(os.path.join(spin.HERE, f"{stem}.pml"))):
        if kind != "soak" or report.soak:
            verify(report, stem, index, kind, what, options)


def test_urpc(report):
    """the URPC ring with its doorbell"""
    model(report, "urpc")


def test_one_phase(report):
    """one-phase commit, with deaths"""
    model(report, "one_phase")


def test_two_phase(report):
    """two-phase commit, with deaths"""
    model(report, "two_phase")


def test_caps(report):
    """capabilities across cores"""
    model(report, "caps")


def test_links(report):
    """links between monitors"""
    model(report, "links")


def test_fleet(report):
    """views of a fleet and its partitioned store, with deaths"""
    model(report, "fleet")
