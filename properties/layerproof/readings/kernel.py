"""A breadth-first search as LLVM functions: states in words, the set of them, and what happens to one.

The text is the same for every machine but for how many words a state takes. What a machine adds, its moves and
laws, is written by :mod:`layerproof.readings.moves`. All that a search keeps is in arrays, to which a *context*
points: an array of 64-bit fields (:data:`FIELDS`). Where a search is split, each part has a context, keeps the
states that are its own by their hash, and sends the others to their owners between two calls.
"""

from __future__ import annotations

FIELDS = (
    "states", "table", "mask", "count", "head", "most", "parents", "before", "after", "rigid", "traits", "counts",
    "firsts", "premises", "found", "stop", "overflow", "full", "me", "parts", "outbox", "sent", "room",
    "contexts", "good", "changed", "symmetries", "moved", "values", "best", "room_left", "stop_at_first")
"""What a context holds, by position:

- ``states``: words of every state, in the order in which they were found; ``count`` of them, at most ``most``;
  ``parents``: for each a number of 32 bits, the state that it was found from: its place times the parts, plus the
  part.
- ``table``: an open-addressing hash table of 32-bit numbers, a state's place plus one, or zero; ``mask``: its
  length less one.
- ``head``: the first state that was not expanded.
- ``before``, ``after``: a state unpacked, a number of 32 bits for each slot.
- ``rigid``, ``traits``: the same for what never changes.
- ``counts``, ``firsts``: for each outcome of a rule how often it was had, and of the first time the state's place
  plus one and the arguments as one number.
- ``premises``: for each law how often its premise held; ``found``: for each law, then for the laws of states, then
  for those of each outcome, of the first time that one failed the state's place plus one, the outcome, and the
  arguments.
- ``stop``, ``overflow``, ``full``: the search ends: a law was broken and ``stop_at_first``; an integer takes more
  bits; there are more states than ``most``.
- ``me``, ``parts``, ``contexts``: the number of this part, how many there are, and their contexts.
- ``outbox``, ``sent``, ``room``: for each part states and parents that are its, how many, and room for how many;
  ``room_left``: how many more fit into the fullest.
- ``good``, ``changed``: a byte for each state from which the first can be reached again; how many became so.
- ``symmetries``, ``moved``, ``values``, ``best``: how many permutations leave all alike, besides the one that
  moves nothing; for each what stays, how much moves, and the moves (:data:`MOVE`); how values change; room for
  words.
"""
PLACE = {name: number for number, name in enumerate(FIELDS)}


def field(name: str, *, into: str) -> str:
    """Lines that load a field."""
    return (f"  %{into}.p = getelementptr inbounds i64, ptr %c, i64 {PLACE[name]}\n"
            f"  %{into} = load i64, ptr %{into}.p, align 8\n")


def pointer(name: str, *, into: str) -> str:
    """Lines that load a field that points somewhere."""
    return field(name, into=f"{into}.n") + f"  %{into} = inttoptr i64 %{into}.n to ptr\n"


def put(name: str, value: str) -> str:
    """Lines that store a field."""
    unique = f"%put.{name}.{value.strip('%')}"
    return (f"  {unique} = getelementptr inbounds i64, ptr %c, i64 {PLACE[name]}\n"
            f"  store i64 {value}, ptr {unique}, align 8\n")


def words(count: int, prefix: str = "w") -> str:
    """Words as parameters or arguments."""
    return ", ".join(f"i64 %{prefix}{n}" for n in range(count))


def load_words(count: int, base: str, at: str, prefix: str) -> str:
    """Lines that load the words of a state at a place."""
    lines = [f"  %{prefix}.base = mul i64 {at}, {count}"]
    for n in range(count):
        lines += [f"  %{prefix}.i{n} = add i64 %{prefix}.base, {n}",
                  f"  %{prefix}.p{n} = getelementptr inbounds i64, ptr {base}, i64 %{prefix}.i{n}",
                  f"  %{prefix}{n} = load i64, ptr %{prefix}.p{n}, align 8"]
    return "\n".join(lines) + "\n"


def store_words(count: int, base: str, at: str, prefix: str, name: str) -> str:
    """Lines that store words at a place."""
    lines = [f"  %{name}.base = mul i64 {at}, {count}"]
    for n in range(count):
        lines += [f"  %{name}.i{n} = add i64 %{name}.base, {n}",
                  f"  %{name}.p{n} = getelementptr inbounds i64, ptr {base}, i64 %{name}.i{n}",
                  f"  store i64 %{prefix}{n}, ptr %{name}.p{n}, align 8"]
    return "\n".join(lines) + "\n"


def same_words(count: int, one: str, other: str, name: str) -> str:
    """Lines that compare words."""
    lines = [f"  %{name}.e{n} = icmp eq i64 %{one}{n}, %{other}{n}" for n in range(count)]
    known = f"%{name}.e0"
    for n in range(1, count):
        lines.append(f"  %{name}.a{n} = and i1 {known}, %{name}.e{n}")
        known = f"%{name}.a{n}"
    return "\n".join([*lines, f"  %{name} = or i1 {known}, false"]) + "\n"


def kernel(count: int) -> str:
    """The functions of a search whose states take so many words."""
    return "\n".join([
        _hash(count), _owner(count), _probing(count), _insert(count), _offer(count), _look(count), _accept(count),
                      _rehash(count), _canonical(count), _orbit(count), _record()])


def _hash(count: int) -> str:
    # The finalizer of splitmix64, once for each word.
    lines = ["  %h0 = add i64 %w0, -7046029254386353131"]
    state = "%h0"
    for n in range(count):
        if n:
            lines += [f"  %x{n} = xor i64 {state}, %w{n}"]
            state = f"%x{n}"
        for step, (shift, factor) in enumerate(((30, -4658895280553007687), (27, -7723592293110705685))):
            lines += [f"  %s{n}.{step} = lshr i64 {state}, {shift}",
                      f"  %t{n}.{step} = xor i64 {state}, %s{n}.{step}",
                      f"  %m{n}.{step} = mul i64 %t{n}.{step}, {factor}"]
            state = f"%m{n}.{step}"
    lines += [f"  %last = lshr i64 {state}, 31", f"  %hash = xor i64 {state}, %last", "  ret i64 %hash"]
    return f"define internal i64 @hash({words(count)}) alwaysinline {{\n" + "\n".join(lines) + "\n}\n"


def _owner(count: int) -> str:
    """The part whose a state is."""
    return ("define i64 @owner(ptr %from, i64 %parts) {\n" + load_words(count, "%from", "0", "w")
            + f"  %hash = call i64 @hash({words(count)})\n  %high = lshr i64 %hash, 40\n"
            "  %owner = urem i64 %high, %parts\n  ret i64 %owner\n}\n")


def _probing(count: int) -> str:
    """Looks a state up: its place plus one, or less than one: where in the table it would be, as -1 - slot."""
    return (f"define internal i64 @probe(ptr %c, i64 %hash, {words(count)}) alwaysinline {{\n"
            "entry:\n" + pointer("states", into="states") + pointer("table", into="table")
            + field("mask", into="mask") + "  %first = and i64 %hash, %mask\n  br label %probe\n"
            "probe:\n  %slot = phi i64 [ %first, %entry ], [ %wrapped, %next ]\n"
            "  %tp = getelementptr inbounds i32, ptr %table, i64 %slot\n  %e = load i32, ptr %tp, align 4\n"
            "  %free = icmp eq i32 %e, 0\n  br i1 %free, label %absent, label %taken\n"
            "taken:\n  %e64 = zext i32 %e to i64\n  %at = sub i64 %e64, 1\n"
            + load_words(count, "%states", "%at", "o") + same_words(count, "w", "o", "same")
            + "  br i1 %same, label %present, label %next\n"
            "next:\n  %following = add i64 %slot, 1\n  %wrapped = and i64 %following, %mask\n  br label %probe\n"
            "present:\n  ret i64 %e64\n"
            "absent:\n  %gone = sub i64 -1, %slot\n  ret i64 %gone\n}\n")


def _insert(count: int) -> str:
    """Adds a state that is this part's, if it is not there."""
    return (f"define internal void @insert(ptr %c, i64 %hash, {words(count)}, i64 %parent) {{\n"
            f"entry:\n  %place = call i64 @probe(ptr %c, i64 %hash, {words(count)})\n"
            "  %known = icmp sgt i64 %place, 0\n  br i1 %known, label %done, label %new\n"
            "new:\n" + field("count", into="n") + field("most", into="most")
            + "  %enough = icmp uge i64 %n, %most\n  br i1 %enough, label %full, label %add\n"
            "full:\n" + put("full", "1") + "  ret void\n"
            "add:\n" + pointer("states", into="states") + store_words(count, "%states", "%n", "w", "st")
            + pointer("parents", into="parents")
            + "  %pp = getelementptr inbounds i32, ptr %parents, i64 %n\n  %p32 = trunc i64 %parent to i32\n"
            "  store i32 %p32, ptr %pp, align 4\n  %more = add i64 %n, 1\n" + put("count", "%more")
            + pointer("table", into="table")
            + "  %slot = sub i64 -1, %place\n  %tp = getelementptr inbounds i32, ptr %table, i64 %slot\n"
            "  %e = trunc i64 %more to i32\n  store i32 %e, ptr %tp, align 4\n  ret void\n"
            "done:\n  ret void\n}\n")


def _offer(count: int) -> str:
    """A state was reached from the state at a place: it is made canonical, and added here or sent to its part."""
    given = words(count)
    best = "".join(f"  %b{n}.p = getelementptr inbounds i64, ptr %best, i64 {n}\n"
                   f"  %b{n} = load i64, ptr %b{n}.p, align 8\n" for n in range(count))
    return (f"define internal void @offer(ptr %c, {given}, i64 %place) {{\n"
            "entry:\n" + field("symmetries", into="some")
            + "  %plain = icmp eq i64 %some, 0\n  br i1 %plain, label %chosen, label %choose\n"
            f"choose:\n  %n.alike = call i64 @canonical(ptr %c, {given})\n" + pointer("best", into="best") + best
            + "  br label %chosen\n"
            "chosen:\n"
            + "".join(f"  %c{n} = phi i64 [ %w{n}, %entry ], [ %b{n}, %choose ]\n" for n in range(count))
            + f"  %hash = call i64 @hash({words(count, 'c')})\n"
            + field("parts", into="parts") + field("me", into="me")
            + "  %scaled = mul i64 %place, %parts\n  %parent = add i64 %scaled, %me\n"
            "  %whole = icmp eq i64 %parts, 1\n  br i1 %whole, label %mine, label %split\n"
            "split:\n  %high = lshr i64 %hash, 40\n  %owner = urem i64 %high, %parts\n"
            "  %own = icmp eq i64 %owner, %me\n  br i1 %own, label %mine, label %send\n"
            f"mine:\n  call void @insert(ptr %c, i64 %hash, {words(count, 'c')}, i64 %parent)\n  ret void\n"
            "send:\n" + pointer("sent", into="sent")
            + "  %sp = getelementptr inbounds i64, ptr %sent, i64 %owner\n  %n = load i64, ptr %sp, align 8\n"
            + field("room", into="room") + pointer("outbox", into="outbox")
            + "  %first = mul i64 %owner, %room\n  %at = add i64 %first, %n\n"
            f"  %wide = mul i64 %at, {count + 1}\n  %to = getelementptr inbounds i64, ptr %outbox, i64 %wide\n"
            + store_words(count, "%to", "0", "c", "ow")
            + f"  %pp = getelementptr inbounds i64, ptr %to, i64 {count}\n  store i64 %parent, ptr %pp, align 8\n"
            "  %more = add i64 %n, 1\n  store i64 %more, ptr %sp, align 8\n  %left = sub i64 %room, %more\n"
            + field("room_left", into="least")
            + "  %fuller = icmp slt i64 %left, %least\n  %now = select i1 %fuller, i64 %left, i64 %least\n"
            + put("room_left", "%now") + "  ret void\n}\n")


def _look(count: int) -> str:
    """Whether a state that was reached is one from which the first can be reached again."""
    given = words(count)
    best = "".join(f"  %b{n}.p = getelementptr inbounds i64, ptr %best, i64 {n}\n"
                   f"  %b{n} = load i64, ptr %b{n}.p, align 8\n" for n in range(count))
    return (f"define internal i1 @look(ptr %c, {given}) {{\n"
            "entry:\n" + field("symmetries", into="some")
            + "  %plain = icmp eq i64 %some, 0\n  br i1 %plain, label %chosen, label %choose\n"
            f"choose:\n  %n.alike = call i64 @canonical(ptr %c, {given})\n" + pointer("best", into="best") + best
            + "  br label %chosen\n"
            "chosen:\n"
            + "".join(f"  %c{n} = phi i64 [ %w{n}, %entry ], [ %b{n}, %choose ]\n" for n in range(count))
            + f"  %hash = call i64 @hash({words(count, 'c')})\n" + field("parts", into="parts")
            + "  %high = lshr i64 %hash, 40\n  %owner = urem i64 %high, %parts\n" + pointer("contexts", into="all")
            + "  %op = getelementptr inbounds i64, ptr %all, i64 %owner\n  %o64 = load i64, ptr %op, align 8\n"
            "  %o = inttoptr i64 %o64 to ptr\n"
            f"  %place = call i64 @probe(ptr %o, i64 %hash, {words(count, 'c')})\n"
            "  %known = icmp sgt i64 %place, 0\n  br i1 %known, label %there, label %never\n"
            "there:\n  %at = sub i64 %place, 1\n"
            f"  %gp = getelementptr inbounds i64, ptr %o, i64 {PLACE['good']}\n"
            "  %g64 = load i64, ptr %gp, align 8\n"
            "  %g = inttoptr i64 %g64 to ptr\n  %bp = getelementptr inbounds i8, ptr %g, i64 %at\n"
            "  %b = load i8, ptr %bp, align 1\n  %is = icmp ne i8 %b, 0\n  ret i1 %is\n"
            "never:\n  ret i1 false\n}\n")


def _accept(count: int) -> str:
    """Adds states that another part has sent: words and parents, so many."""
    return ("define void @accept(ptr %c, ptr %from, i64 %n) {\n"
            "entry:\n  br label %loop\n"
            "loop:\n  %i = phi i64 [ 0, %entry ], [ %i1, %body ]\n  %go = icmp ult i64 %i, %n\n"
            "  br i1 %go, label %body, label %done\n"
            f"body:\n  %wide = mul i64 %i, {count + 1}\n"
            "  %at = getelementptr inbounds i64, ptr %from, i64 %wide\n" + load_words(count, "%at", "0", "w")
            + f"  %pp = getelementptr inbounds i64, ptr %at, i64 {count}\n  %parent = load i64, ptr %pp, align 8\n"
            f"  %hash = call i64 @hash({words(count)})\n"
            f"  call void @insert(ptr %c, i64 %hash, {words(count)}, i64 %parent)\n"
            "  %i1 = add i64 %i, 1\n  br label %loop\n"
            "done:\n  ret void\n}\n")


def _rehash(count: int) -> str:
    """Fills a new, empty table."""
    return ("define void @rehash(ptr %c) {\n"
            "entry:\n" + pointer("states", into="states") + pointer("table", into="table")
            + field("mask", into="mask") + field("count", into="n") + "  br label %loop\n"
            "loop:\n  %i = phi i64 [ 0, %entry ], [ %i1, %put ]\n  %go = icmp ult i64 %i, %n\n"
            "  br i1 %go, label %body, label %done\n"
            "body:\n" + load_words(count, "%states", "%i", "w")
            + f"  %hash = call i64 @hash({words(count)})\n  %first = and i64 %hash, %mask\n  br label %probe\n"
            "probe:\n  %slot = phi i64 [ %first, %body ], [ %wrapped, %next ]\n"
            "  %tp = getelementptr inbounds i32, ptr %table, i64 %slot\n  %e = load i32, ptr %tp, align 4\n"
            "  %free = icmp eq i32 %e, 0\n  br i1 %free, label %put, label %next\n"
            "next:\n  %following = add i64 %slot, 1\n  %wrapped = and i64 %following, %mask\n  br label %probe\n"
            "put:\n  %i1 = add i64 %i, 1\n  %e1 = trunc i64 %i1 to i32\n  store i32 %e1, ptr %tp, align 4\n"
            "  br label %loop\n"
            "done:\n  ret void\n}\n")


MOVE = 8
"""Numbers of 32 bits that say how a permutation moves one slot: the word and lowest bit from where, its width, the
word and lowest bit to where; where among the values its new ones begin, or -1 if they stay; and the word and bit
that says whether it means anything, or -1 if it always does."""


def _canonical(count: int) -> str:
    """Leaves the least of the states that are like one in ``best``; how many permutations leave it as it is."""
    stored = "".join(f"  %in.p{n} = getelementptr inbounds i64, ptr %in, i64 {n}\n"
                     f"  store i64 %w{n}, ptr %in.p{n}, align 8\n" for n in range(count))
    first = "".join(f"  %best.p{n} = getelementptr inbounds i64, ptr %best, i64 {n}\n"
                    f"  store i64 %w{n}, ptr %best.p{n}, align 8\n" for n in range(count))
    kept = "".join(f"  %kp{n} = getelementptr inbounds i64, ptr %masks, i64 {n}\n"
                   f"  %k{n} = load i64, ptr %kp{n}, align 8\n  %kw{n} = and i64 %w{n}, %k{n}\n"
                   f"  %out.p{n} = getelementptr inbounds i64, ptr %out, i64 {n}\n"
                   f"  store i64 %kw{n}, ptr %out.p{n}, align 8\n" for n in range(count))
    loaded = "".join(f"  %r{n} = load i64, ptr %out.p{n}, align 8\n  %q{n} = load i64, ptr %best.p{n}, align 8\n"
                     for n in range(count))
    less = ["  %less0 = icmp ult i64 %r0, %q0", "  %eq0 = icmp eq i64 %r0, %q0"]
    for n in range(1, count):
        less += [f"  %lt{n} = icmp ult i64 %r{n}, %q{n}", f"  %and{n} = and i1 %eq{n - 1}, %lt{n}",
                 f"  %less{n} = or i1 %less{n - 1}, %and{n}", f"  %e{n} = icmp eq i64 %r{n}, %q{n}",
                 f"  %eq{n} = and i1 %eq{n - 1}, %e{n}"]
    better = "".join(f"  store i64 %r{n}, ptr %best.p{n}, align 8\n" for n in range(count))
    return (f"define i64 @canonical(ptr %c, {words(count)}) {{\n"
            f"entry:\n  %in = alloca [{count} x i64], align 8\n  %out = alloca [{count} x i64], align 8\n" + stored
            + pointer("best", into="best") + first
            + field("symmetries", into="some") + pointer("moved", into="moved") + pointer("values", into="values")
            + "  br label %each\n"
            # Each permutation: the masks of what stays, how many moves, and the moves.
            "each:\n  %g = phi i64 [ 0, %entry ], [ %g1, %after ]\n"
            "  %masks = phi ptr [ %moved, %entry ], [ %further, %after ]\n"
            "  %alike = phi i64 [ 1, %entry ], [ %alike1, %after ]\n"
            "  %go = icmp ult i64 %g, %some\n  br i1 %go, label %begin, label %done\n"
            "begin:\n" + kept
            + f"  %lp = getelementptr inbounds i64, ptr %masks, i64 {count}\n"
            "  %length = load i64, ptr %lp, align 8\n"
            f"  %moves = getelementptr inbounds i64, ptr %masks, i64 {count + 1}\n  br label %move\n"
            "move:\n  %m = phi i64 [ 0, %begin ], [ %m1, %moving1 ]\n  %on = icmp ult i64 %m, %length\n"
            "  br i1 %on, label %moving, label %compare\n"
            f"moving:\n  %mi = mul i64 %m, {MOVE}\n  %mp = getelementptr inbounds i32, ptr %moves, i64 %mi\n"
            + "".join(f"  %f{n}.p = getelementptr inbounds i32, ptr %mp, i64 {n}\n"
                      f"  %f{n}.i = load i32, ptr %f{n}.p, align 4\n  %f{n} = sext i32 %f{n}.i to i64\n"
                      for n in range(MOVE))
            + "  %fp = getelementptr inbounds i64, ptr %in, i64 %f0\n  %fw = load i64, ptr %fp, align 8\n"
            "  %fs = lshr i64 %fw, %f1\n  %one = shl i64 1, %f2\n  %fm = sub i64 %one, 1\n"
            "  %v = and i64 %fs, %fm\n  %as = icmp slt i64 %f5, 0\n  br i1 %as, label %moving1, label %may\n"
            "may:\n  %always = icmp slt i64 %f6, 0\n  br i1 %always, label %change, label %guarded\n"
            "guarded:\n  %gwp = getelementptr inbounds i64, ptr %in, i64 %f6\n"
            "  %gw = load i64, ptr %gwp, align 8\n"
            "  %gs = lshr i64 %gw, %f7\n  %means = trunc i64 %gs to i1\n"
            "  br i1 %means, label %change, label %moving1\n"
            "change:\n  %vi = add i64 %f5, %v\n  %vp = getelementptr inbounds i32, ptr %values, i64 %vi\n"
            "  %v32 = load i32, ptr %vp, align 4\n  %changed = zext i32 %v32 to i64\n  br label %moving1\n"
            "moving1:\n"
            "  %value = phi i64 [ %v, %moving ], [ %v, %guarded ], [ %changed, %change ]\n"
            "  %shifted = shl i64 %value, %f4\n  %tp = getelementptr inbounds i64, ptr %out, i64 %f3\n"
            "  %tw = load i64, ptr %tp, align 8\n  %put = or i64 %tw, %shifted\n"
            "  store i64 %put, ptr %tp, align 8\n"
            "  %m1 = add i64 %m, 1\n  br label %move\n"
            "compare:\n" + loaded + "\n".join(less) + "\n"
            + "".join(f"  %id{n} = icmp eq i64 %r{n}, %w{n}\n" for n in range(count))
            + "".join(f"  %idd{n} = and i1 %id{n}, {f'%idd{n - 1}' if n else 'true'}\n" for n in range(count))
            + f"  %same = zext i1 %idd{count - 1} to i64\n  %alike1 = add i64 %alike, %same\n"
            f"  br i1 %less{count - 1}, label %take, label %after\n"
            "take:\n" + better + "  br label %after\n"
            f"after:\n  %wide = mul i64 %length, {MOVE}\n"
            "  %further = getelementptr inbounds i32, ptr %moves, i64 %wide\n  %g1 = add i64 %g, 1\n"
            "  br label %each\n"
            "done:\n  ret i64 %alike\n}\n")


def _orbit(count: int) -> str:
    """How many states all those stand for that were found here."""
    return ("define i64 @orbits(ptr %c) {\n"
            "entry:\n" + pointer("states", into="states") + field("count", into="n")
            + field("symmetries", into="some") + "  %all = add i64 %some, 1\n  br label %loop\n"
            "loop:\n  %i = phi i64 [ 0, %entry ], [ %i1, %body ]\n"
            "  %sum = phi i64 [ 0, %entry ], [ %sum1, %body ]\n"
            "  %go = icmp ult i64 %i, %n\n  br i1 %go, label %body, label %done\n"
            "body:\n" + load_words(count, "%states", "%i", "w")
            + f"  %alike = call i64 @canonical(ptr %c, {words(count)})\n  %size = udiv i64 %all, %alike\n"
            "  %sum1 = add i64 %sum, %size\n  %i1 = add i64 %i, 1\n  br label %loop\n"
            "done:\n  ret i64 %sum\n}\n")


def _record() -> str:
    """The first time that a law fails is kept; and the first time that an outcome is had."""
    return ("define internal void @failed(ptr %c, i64 %law, i64 %place, i64 %outcome, i64 %code) {\n"
            "entry:\n" + pointer("found", into="found")
            + "  %li = mul i64 %law, 3\n  %fp = getelementptr inbounds i64, ptr %found, i64 %li\n"
            "  %old = load i64, ptr %fp, align 8\n  %new = icmp eq i64 %old, 0\n"
            "  br i1 %new, label %keep, label %end\n"
            "keep:\n  %p1 = add i64 %place, 1\n  store i64 %p1, ptr %fp, align 8\n"
            "  %op = getelementptr inbounds i64, ptr %fp, i64 1\n  store i64 %outcome, ptr %op, align 8\n"
            "  %cp = getelementptr inbounds i64, ptr %fp, i64 2\n  store i64 %code, ptr %cp, align 8\n"
            + field("stop_at_first", into="first") + put("stop", "%first") + "  br label %end\n"
            "end:\n  ret void\n}\n"
            "define internal void @had(ptr %c, i64 %outcome, i64 %place, i64 %code) {\n"
            "entry:\n" + pointer("firsts", into="firsts")
            + "  %oi = mul i64 %outcome, 2\n  %fp = getelementptr inbounds i64, ptr %firsts, i64 %oi\n"
            "  %p1 = add i64 %place, 1\n  store i64 %p1, ptr %fp, align 8\n"
            "  %cp = getelementptr inbounds i64, ptr %fp, i64 1\n  store i64 %code, ptr %cp, align 8\n"
            "  ret void\n}\n")
