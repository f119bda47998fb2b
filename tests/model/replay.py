"""What the simulator has done is what the models can do: its trace, round by round, is run through them."""
import os
import re

import guest
import limited
import qemu
import spin

SIM = os.path.join(qemu.BUILD, "sim/sim")
IMAGE = os.path.join(qemu.BUILD, "sim/island.so")
REQUESTS = ("DO", "PREPARE", "COMMIT", "ABORT")
ALL, NOTHING = "0", "0"  # the group of all, the subject that is there to be measured

HEADER = """#define EVENTS %(count)d
mtype event_what[EVENTS], event_kind[EVENTS];
byte event_core[EVENTS], event_of[EVENTS], event_v[EVENTS], event_w[EVENTS];
byte event;
bool failed; /* this is not what the trace tells */

#define RUNS (!failed)
#define observe(what, p, kind, v, w) \\
	if \\
	:: !failed && event < EVENTS && event_core[event] == me && event_what[event] == what && \\
	   event_of[event] == p && \\
	   event_kind[event] == kind && event_v[event] == v && event_w[event] == w -> event++ \\
	:: else -> failed = true \\
	fi

init
{
	byte at;

	d_step {
%(events)s
	};
	atomic {
		do
		:: at < PARTIES -> run core(at); at++
		:: else -> break
		od
	};
	atomic { event == EVENTS && !failed && told -> assert(false) }
}

/* What goes wrong once the trace is left is of no interest. */
#define assert(holds) skip
"""


def trace(cores, seed, operations=60):
    """The events of a run without deaths."""
    path = os.path.join(qemu.BUILD, "model", f"trace-{cores}-{seed}")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    line = ["nice", SIM, "--image", IMAGE, "--cores", str(cores), "--seed", str(seed), "--operations", str(operations),
            "--deaths", "0", "--only", "rounds", "--trace-model", path]
    status, out, err = limited.run(line, 120)
    if status:
        raise guest.Failure(f"the simulator ended with {status}", out + err)
    with open(path) as f:
        return [line.split() for line in f]


def places_of(events):
    """The place of each core: a request's range begins at its receiver's."""
    return {e[2]: int(e[5]) for e in events if e[0] == "send" and e[3] in REQUESTS}


def rounds(events):
    """(phases, coordinator, its events) of each round of subject NOTHING among all."""
    proposed, named, found = {}, {}, {}
    for e in events:
        if e[0] == "propose":
            proposed.setdefault(e[1], []).append((e[2], e[3], e[4]))
            continue
        if e[0] not in ("send", "get", "vote", "commit", "abort"):
            continue
        name = e[4] if e[0] in ("send", "get") else e[2]
        coordinator = str(int(name, 16) >> 32)
        if name not in named:
            number = (int(name, 16) & 0xffffffff) - 1
            own = proposed.get(coordinator, [])
            named[name] = own[number] if number < len(own) else None
        found.setdefault((name, coordinator), []).append(e)
    for (name, coordinator), own in found.items():
        if named[name] and named[name][1] == ALL and named[name][2] == NOTHING:
            yield int(named[name][0]), coordinator, own


def event_of(e, place, phases):
    """(core, what, other core, kind, two numbers) in the model's words; None: of no interest."""
    if e[0] in ("vote", "commit", "abort"):
        return (place[e[1]], e[0].upper(), int(e[3] == "yes") if e[0] == "vote" else 0, "0", 0, 0)
    core, other = (e[1], e[2]) if e[0] == "send" else (e[2], e[1])
    if e[3] in REQUESTS:
        v, w = int(e[5]), int(e[6])
    elif e[3] == "ACK" and phases == 2:
        v, w = f"AGREE_{e[5]}", int(e[6] == "no")
    else:
        v = w = 0
    return (place[core], e[0].upper(), place[other], f"AGREE_{e[3]}", v, w)


def header(events):
    lines = []
    for i, (core, what, other, kind, v, w) in enumerate(events):
        lines.append(f"\t\tevent_core[{i}] = {core}; event_what[{i}] = {what}; event_of[{i}] = {other}; "
                     f"event_kind[{i}] = {kind}; event_v[{i}] = {v}; event_w[{i}] = {w}")
    return HEADER % {"count": len(events), "events": ";\n".join(lines)}


def accepts(phases, coordinator, own, place, name):
    """Is this round something that the model can do? (it can, what spin said)"""
    folder = os.path.join(qemu.BUILD, "model", name)
    os.makedirs(folder, exist_ok=True)
    events = [event_of(e, place, phases) for e in own]
    with open(os.path.join(folder, "replay.h"), "w") as f:
        f.write(header(events))
    with open(os.path.join(spin.HERE, "one_phase.pml" if phases == 1 else "two_phase.pml")) as f:
        text = f.read()
    path = os.path.join(folder, "replay.pml")
    with open(path, "w") as f:
        f.write(text)
    options = ["-DREPLAY", f"-DPARTIES={len(place)}", f"-DCOORDINATOR={place[coordinator]}"]
    verdict = spin.look(path, options, name, spin.LIMIT, "-E")  # a run that left the trace just stops
    if not verdict.wrong and not verdict.whole:
        raise guest.Failure("not all was looked at", verdict.out)
    return verdict.wrong is not None and "assertion violated 0" in verdict.wrong[1], verdict


def choose(events, phases, wanted):
    """The first rounds with so many phases, of different proposers, which end by `wanted`."""
    seen = set()
    for count, coordinator, own in rounds(events):
        if count == phases and coordinator not in seen and any(e[0] == wanted for e in own):
            seen.add(coordinator)
            yield count, coordinator, own


def replay(report, cores, seed, phases, wanted, limit):
    events = trace(cores, seed)
    place = places_of(events)
    if len(place) != cores:
        raise guest.Failure(f"the trace tells the places of {len(place)} cores of {cores}")
    count = 0
    for _, coordinator, own in list(choose(events, phases, wanted))[:limit]:
        ok, verdict = accepts(phases, coordinator, own, place, f"replay-{cores}-{phases}-{wanted}")
        if not ok:
            raise guest.Failure(f"what core {coordinator} proposed went as no model goes",
                                "\n".join(" ".join(e) for e in own) + "\n" + verdict.out)
        count += 1
    if not count:
        raise guest.Failure("there is no such round in the trace")
    report.result(f"model replay: {count} of {phases} phases on {cores} cores, {wanted}", True)


def test_3_cores(report):
    """rounds of the simulator on 3 cores"""
    replay(report, 3, 7, 1, "commit", 2)
    replay(report, 3, 7, 2, "commit", 2)
    replay(report, 3, 11, 2, "abort", 1)


def test_8_cores(report):
    """rounds of the simulator on 8 cores"""
    replay(report, 8, 7, 1, "commit", 2)
    replay(report, 8, 7, 2, "commit", 2)


def index_of(own, *begin):
    return next(i for i, e in enumerate(own) if tuple(e[:len(begin)]) == begin)


def commit_early(own, coordinator):
    """The first COMMIT goes before the last vote comes."""
    last = max(i for i, e in enumerate(own) if e[0] == "get" and e[2] == coordinator and "PREPARE" in e)
    first = next(i for i, e in enumerate(own) if e[0] == "send" and e[3] == "COMMIT")
    return own[:last] + [own[first]] + own[last:first] + own[first + 1:]


def vote_turned(own, coordinator):
    """A member has said no."""
    at = next(i for i, e in enumerate(own) if e[0] == "vote" and e[1] != coordinator)
    return own[:at] + [own[at][:3] + ["no"]] + own[at + 1:]


def member_missed(own, coordinator):
    """One never hears of the outcome."""
    missed = next(e[1] for e in own if e[0] == "commit" and e[1] != coordinator)
    return [e for e in own if not (e[0] == "commit" and e[1] == missed)]


def heard_twice(own, coordinator):
    at = next(i for i, e in enumerate(own) if e[0] == "get" and e[3] == "COMMIT")
    return own[:at + 1] + own[at:]


def test_changed(report):
    """traces that were changed are refused"""
    events = trace(3, 7)
    place = places_of(events)
    phases, coordinator, own = next(choose(events, 2, "commit"))
    for change in (commit_early, vote_turned, member_missed, heard_twice):
        ok, _ = accepts(phases, coordinator, change(own, coordinator), place, "replay-changed")
        report.result(f"model replay: a trace with '{change.__name__.replace('_', ' ')}' is refused", not ok,
                      log="\n".join(" ".join(e) for e in change(own, coordinator)))
