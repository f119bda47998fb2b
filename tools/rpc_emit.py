"""Writes the stubs of an interface: X_messages.h, X_client.[ch], X_server.[ch].

A call or an answer whose parameters are numbers and plain structs that fit a line is filled in
word by word; any other goes through a cursor (libos/rpc/stub.h).
"""

BROADCAST = 32  # calls under way at a time


def banner(path, what):
    return f"/* {what}: made by tools/rpcgen from {path}. */\n"


def declare(p, pointer=None, const=None):
    """The parameter as C writes it."""
    pointer = p.pointer if pointer is None else pointer
    const = p.direction == "in" if const is None else const
    if not pointer:
        return f"{p.base} {p.name}"
    return f"{'const ' if const else ''}{p.base} *{p.name}"


def params_in(m):
    """What start needs: outputs are left out, but for the room that the caller has for them."""
    out = []
    for p in m.params:
        if p.kind == "length" and p.array.direction == "out" or p.direction == "inout":
            out.append(declare(p, const=True))
        elif p.is_in:
            out.append(declare(p))
    return out


def args_in(m):
    return [p.name for p in m.params if p.is_in]


def outputs(m):
    return [p for p in m.params if p.is_out]


def params_out(m):
    return [declare(p, const=False) for p in outputs(m)]


def args_out(m):
    return [p.name for p in outputs(m)]


def joined(*groups):
    return ", ".join(x for g in groups for x in g)


def upper(m):
    return m.name.upper()


def value_of(p):
    """An input number, as the caller has it."""
    return f"*{p.name}" if p.pointer else p.name


def as_word(p, value):
    return value if p.base in ("uint64_t", "cptr_t", "size_t") else f"(uint64_t){value}"


def address_of(p):
    return p.name if p.pointer else f"&{p.name}"


def broadcastable(m):
    return not m.caps and all(p.fixed and p.direction == "out" for p in outputs(m))


# --- messages ------------------------------------------------------------------------------------


def size_text(p):
    """Words of a parameter, as C computes them."""
    if p.kind in ("scalar", "cap", "length"):
        return "1"
    if p.kind == "value":
        return f"RPC_WORDS(sizeof({p.base}))"
    if p.kind == "text":
        return f"RPC_WORDS_SIZED({p.maximum} + 1)"
    if p.kind == "array":
        size = "" if p.element == "char" else f" * sizeof({p.element})"
        return f"RPC_WORDS_SIZED({p.maximum}{size})"
    return f"RPC_WORDS_SIZED({p.maximum})"


def sum_text(params):
    return " + ".join(size_text(p) for p in params) or "0"


def messages_h(i, path):
    lines = [banner(path, f"Messages of the interface `{i.name}`"), "#pragma once\n", '#include "libos/rpc/stub.h"']
    lines += [f"#include {name}" for name in i.includes if "kernel/abi/" not in name]
    big = i.name.upper()
    lines += ["", f"#define {big}_INTERFACE {i.number}", "", f"enum {i.name}_method {{"]
    lines += [f"\t{upper(m)}," for m in i.methods]
    lines += [f"\t{big}_METHODS", "};", ""]
    lines.append("/* Words of arguments, at most: of the call, of its answer. */")
    for m in i.methods:
        lines.append(f"#define {upper(m)}_CALL ({sum_text(m.inputs)})")
        if not m.oneway:
            lines.append(f"#define {upper(m)}_ANSWER ({sum_text(m.outputs)})")
    return "\n".join(lines) + "\n"


# --- prototypes ------------------------------------------------------------------------------------


def proto_call(m):
    return f"err_t {m.name}({joined(['struct rpc_client *client'], [declare(p) for p in m.params])})"


def proto_start(m):
    return f"err_t {m.name}_start({joined(['struct rpc_client *client', 'struct rpc_pending *pending'], params_in(m))})"


def proto_finish(m):
    return f"err_t {m.name}_finish({joined(['struct rpc_pending *pending'], params_out(m))})"


def proto_pack(m):
    return f"err_t {m.name}_pack({joined(['struct rpc_packed *packed'], params_in(m))})"


def proto_broadcast(m):
    head = ["struct rpc_client *const *clients", "unsigned n_clients", "err_t *results"]
    return f"void {m.name}_broadcast({joined(head, params_in(m), params_out(m))})"


def prototypes(m):
    yield proto_call(m)
    if not m.oneway:
        yield proto_start(m)
        yield proto_finish(m)
    if not m.caps:
        yield proto_pack(m)
    if broadcastable(m):
        yield proto_broadcast(m)


def client_h(i, path):
    lines = [banner(path, f"Calls of the interface `{i.name}`"), "#pragma once\n",
             f'#include "{i.folder}/{i.name}_messages.h"', ""]
    for m in i.methods:
        if m.comment:
            lines.append(m.comment)
        lines += [p + ";" for p in prototypes(m)]
        lines.append("")
    return "\n".join(lines)


# --- packing ---------------------------------------------------------------------------------------


def header(m):
    flags = " | RPC_ONEWAY" if m.oneway else ""
    words = m.input_words() if m.call_in_line else 0
    return f"RPC_HEADER({m.interface.name.upper()}_INTERFACE, {upper(m)}, {words}){flags}"


def fill_line(params, first, target, value):
    """Initialisers of the words of scalars, and statements for the structs."""
    words, copies, at = [first], [], 1
    for p in params:
        if p.kind == "value":
            copies.append(f"\tmemcpy(&{target}->word[{at}], {address_of(p)}, sizeof({p.base}));")
            words += ["0"] * p.words
            at += p.words
        else:
            words.append(as_word(p, value(p)))
            at += 1
    return words, copies


def put_line(m):
    """The static function that fills a call's line."""
    words, copies = fill_line(m.inputs, header(m), "line_", value_of)
    while len(words) > 1 and words[-1] == "0":
        words.pop()
    out = [f"static inline void {m.name}_put({joined(['struct urpc_message *line_'], params_in(m))})", "{",
           f"\t*line_ = (struct urpc_message){{ .word = {{ {', '.join(words)} }} }};"]
    return out + copies + ["}", ""]


def put_param(p, k):
    name = p.name
    if p.kind in ("scalar", "length"):
        return [f"rpc_put_word({k}, {as_word(p, value_of(p))});"]
    if p.kind == "value":
        return [f"rpc_put_bytes({k}, {address_of(p)}, sizeof({p.base}));"]
    if p.kind == "text":
        return [f"rpc_put_text({k}, {name}, {p.maximum});"]
    if p.kind == "array":
        length = value_of(p.length)
        size = "1" if p.element == "char" else f"sizeof({p.element})"
        return [f"rpc_put_array({k}, {name}, {length}, {size}, {p.maximum});"]
    if p.kind == "cap":
        return [f"rpc_put_word({k}, {name}_ticket_);"]
    return [f"to_ = rpc_serial_room({k}, {p.maximum}, &room_);",
            f"rpc_serial_put({k}, to_, to_ ? {p.marks['serial']}_put({name}, to_, room_) : 0);"]


def serial_locals(params):
    return ["\tvoid *to_;", "\tsize_t room_;", ""] if any(p.kind == "serial" for p in params) else []


def put_long(m):
    tickets = [f"uint64_t {p.name}_ticket_" for p in m.inputs if p.kind == "cap"]
    plain = [d for d, p in zip(params_in(m), [p for p in m.params if p.is_in]) if p.kind != "cap"]
    out = [f"static void {m.name}_put({joined(['struct rpc_cursor *k_'], plain, tickets)})", "{"]
    out += serial_locals(m.inputs)
    for p in m.inputs:
        out += ["\t" + s for s in put_param(p, "k_")]
    return out + ["}", ""]


def put_args(m):
    if m.call_in_line:
        return args_in(m)
    plain = [p.name for p in m.params if p.is_in and p.kind != "cap"]
    return plain + [f"{p.name}_ticket_" for p in m.inputs if p.kind == "cap"]


# --- unpacking an answer -----------------------------------------------------------------------------


def get_line(m):
    out = []
    at = 1
    for p in m.outputs:
        if p.kind == "value":
            out.append(f"\tmemcpy({p.name}, &word_[{at}], sizeof({p.base}));")
        else:
            out.append(f"\t*{p.name} = ({p.base})word_[{at}];")
        at += p.words
    return ["\tconst uint64_t *word_ = pending->reply;", "",
            f"\tif (rpc_header_length(word_[0]) != {at - 1})", "\t\treturn ERR_MESSAGE;"] + out + ["\treturn ERR_OK;"]


def get_param(p):
    if p.kind == "scalar":
        return [f"*{p.name} = ({p.base})rpc_get_word(&k_);"]
    if p.kind == "value":
        return [f"rpc_get_bytes(&k_, {p.name}, sizeof({p.base}));"]
    if p.kind == "text":
        return [f"rpc_copy_text(&k_, {p.name}, {p.maximum});"]
    if p.kind == "array":
        size = "1" if p.element == "char" else f"sizeof({p.element})"
        return [f"length_ = *{p.length.name};", f"rpc_copy_array(&k_, {p.name}, &length_, {size});",
                f"*{p.length.name} = ({p.length.base})length_;"]
    if p.kind == "cap":
        return [f"{p.name}_ticket_ = rpc_get_word(&k_);"]
    return [f"data_ = rpc_get_array(&k_, &bytes_, 1, {p.maximum});",
            f"k_.bad |= !data_ || !{p.marks['serial']}_get({p.name}, data_, bytes_);"]


def get_long(m):
    kinds = {p.kind for p in m.outputs}
    out = ["\tstruct rpc_cursor k_ = rpc_answer_cursor(pending);"]
    out += ["\tuint64_t length_;"] if "array" in kinds else []
    out += ["\tconst void *data_;", "\tuint64_t bytes_;"] if "serial" in kinds else []
    out += [f"\tuint64_t {p.name}_ticket_;" for p in m.outputs if p.kind == "cap"]
    out += ["\terr_t err = ERR_OK;"] if "cap" in kinds else []
    out.append("")
    for p in m.outputs:
        out += ["\t" + s for s in get_param(p)]
    out += ["\tif (k_.bad || k_.at != k_.end)", "\t\treturn ERR_MESSAGE;"]
    for p in m.outputs:
        if p.kind == "cap":
            out += ["\tif (!err)", f"\t\terr = rpc_cap_receive(pending->client->channel, {p.name}_ticket_, {p.name});"]
    return out + ["\treturn err;" if "cap" in kinds else "\treturn ERR_OK;"]


def get_function(m):
    head = joined(["const struct rpc_pending *pending"], params_out(m))
    body = get_line(m) if m.answer_in_line else get_long(m)
    return [f"static err_t {m.name}_get({head})", "{", *body, "}", ""]


# --- calls -----------------------------------------------------------------------------------------


def shape(m):
    answer = "0" if m.oneway else f"{upper(m)}_ANSWER"
    fields = [f".header = {header(m)}", f".most = {answer}"]
    fields += [".idempotent = true"] if m.idempotent else []
    fields += [".once = true"] if any(p.kind == "cap" for p in m.inputs) else []
    return [f"static const struct rpc_shape {m.name}_shape = {{ {', '.join(fields)} }};", ""]


def flag(m):
    return "true" if m.idempotent else "false"


def line_args(m):
    return f"{upper(m)}_CALL, {upper(m)}_ANSWER, {flag(m)}"


def end(m):
    """The last line of a call: its answer."""
    return f"{m.name}_finish({joined(['&pending'], args_out(m))})"


def call_line(m):
    return [proto_call(m), "{", "\tstruct rpc_pending pending;", "\terr_t err;", "",
            *tickets(m, "\t\treturn err;"), f"\t{m.name}_put({joined(['&pending.line'], args_in(m))});",
            f"\terr = rpc_call_line(client, &pending, {line_args(m)});",
            "\tif (!err)", f"\t\terr = {m.name}_get({joined(['&pending'], args_out(m))});",
            "\trpc_forget(&pending);", "\treturn err;", "}", ""]


def start_line(m):
    caps = any(p.kind == "cap" for p in m.outputs)
    return [proto_start(m), "{", *(["\terr_t err;", ""] if caps else []), *tickets(m, "\t\treturn err;"),
            f"\t{m.name}_put({joined(['&pending->line'], args_in(m))});",
            f"\treturn rpc_start_line(client, pending, {line_args(m)});", "}", ""]


def tickets(m, give_up):
    """Sends the capabilities ahead."""
    caps = [p for p in m.inputs if p.kind == "cap"]
    answered = any(p.kind == "cap" for p in m.outputs)
    out = []
    if caps or answered:
        out.append("\terr = rpc_client_ensure(client);")
    for p in caps:
        out += ["\tif (!err)", f"\t\terr = rpc_cap_send(client->channel, {p.name}, &{p.name}_ticket_);"]
    if caps or answered:
        out += ["\tif (err)", give_up]
    return out


def ticket_locals(m):
    return [f"\tuint64_t {p.name}_ticket_ = 0;" for p in m.inputs if p.kind == "cap"]


def call_long(m):
    words = f"1 + {upper(m)}_CALL"
    return [proto_call(m), "{", f"\tuint64_t words_[{words}];", "\tstruct rpc_pending pending;",
            f"\tstruct rpc_cursor k_ = {{ .at = words_ + 1, .end = words_ + {words} }};",
            *ticket_locals(m), "\terr_t err;", "", *tickets(m, "\t\treturn err;"),
            f"\t{m.name}_put({joined(['&k_'], put_args(m))});", "\tpending.call = words_;",
            "\tpending.held = NULL;", f"\terr = rpc_start_long(client, &pending, &k_, &{m.name}_shape);",
            f"\treturn err ? err : {end(m)};", "}", ""]


def start_long(m):
    return [proto_start(m), "{", "\tstruct rpc_cursor k_;", *ticket_locals(m), "\terr_t err;", "",
            *tickets(m, "\t\treturn err;"), f"\terr = rpc_hold(pending, &k_, 1 + {upper(m)}_CALL);",
            "\tif (err)", "\t\treturn err;",
            f"\t{m.name}_put({joined(['&k_'], put_args(m))});",
            f"\treturn rpc_start_long(client, pending, &k_, &{m.name}_shape);", "}", ""]


def finish(m):
    return [proto_finish(m), "{", "\terr_t err = rpc_finish(pending);", "",
            "\tif (!err)", f"\t\terr = {m.name}_get({joined(['pending'], args_out(m))});",
            "\trpc_forget(pending);", "\treturn err;", "}", ""]


def oneway(m):
    if m.call_in_line:
        head = joined(['struct rpc_client *client'], [declare(p) for p in m.params])
        words, copies = fill_line(m.inputs, header(m), "line_", value_of)
        filled = [f"\tline_.word[{at}] = {word};" for at, word in enumerate(words) if word != "0"]
        return [f"static __attribute__((noinline)) err_t {m.name}_slow({head})", "{",
                "\tstruct urpc_message line_;", "", f"\t{m.name}_put({joined(['&line_'], args_in(m))});",
                f"\treturn rpc_send_slow(client, line_.word, 1 + {upper(m)}_CALL);", "}", "",
                proto_call(m), "{", "\tstruct urpc_slot line_;", "",
                "\tif (!rpc_line_open(client))", f"\t\treturn {m.name}_slow({joined(['client'], args_in(m))});",
                "\tline_ = rpc_line(client);", *filled, *(c.replace("line_->word[", "line_.word[") for c in copies),
                "\treturn rpc_line_send(client, line_);", "}", ""]
    words = f"1 + {upper(m)}_CALL"
    return [proto_call(m), "{", f"\tuint64_t words_[{words}];",
            f"\tstruct rpc_cursor k_ = {{ .at = words_ + 1, .end = words_ + {words} }};", *ticket_locals(m),
            *(["\terr_t err;"] if m.caps else []), "", *tickets(m, "\t\treturn err;"),
            f"\t{m.name}_put({joined(['&k_'], put_args(m))});",
            f"\treturn rpc_send_long(client, words_, &k_, &{m.name}_shape);", "}", ""]


def pack(m):
    out = [proto_pack(m), "{"]
    if m.call_in_line:
        return out + ["\tstruct urpc_message line_;", "", f"\t{m.name}_put({joined(['&line_'], args_in(m))});",
                      f"\treturn rpc_pack_line(packed, &line_, &{m.name}_shape);", "}", ""]
    return out + ["\tstruct rpc_cursor k_ = rpc_pack_cursor(packed);", "",
                  f"\t{m.name}_put({joined(['&k_'], put_args(m))});",
                  f"\treturn rpc_pack_long(packed, &k_, &{m.name}_shape);", "}", ""]


def broadcast(m):
    if m.oneway:
        return [proto_broadcast(m), "{", "\tfor (unsigned i_ = 0; i_ < n_clients; i_++)",
                f"\t\tresults[i_] = {m.name}({joined(['clients[i_]'], args_in(m))});", "}", ""]
    outs = [f"&{p.name}[i_]" for p in outputs(m)]
    return [proto_broadcast(m), "{", f"\tstruct rpc_pending pending[{BROADCAST}];", "",
            f"\tfor (unsigned first_ = 0; first_ < n_clients; first_ += {BROADCAST}) {{",
            f"\t\tfor (unsigned i_ = first_; i_ < n_clients && i_ < first_ + {BROADCAST}; i_++)",
            f"\t\t\tresults[i_] = {m.name}_start({joined(['clients[i_]', '&pending[i_ - first_]'], args_in(m))});",
            f"\t\tfor (unsigned i_ = first_; i_ < n_clients && i_ < first_ + {BROADCAST}; i_++)",
            "\t\t\tif (!results[i_])",
            f"\t\t\t\tresults[i_] = {m.name}_finish({joined(['&pending[i_ - first_]'], outs)});",
            "\t}", "}", ""]


def client_method(m):
    out = put_line(m) if m.call_in_line else put_long(m)
    if not m.call_in_line or not m.caps:
        out += shape(m)
    if m.oneway:
        out += oneway(m)
    else:
        out += get_function(m) + finish(m)
        out += call_line(m) + start_line(m) if m.call_in_line else call_long(m) + start_long(m)
    if not m.caps:
        out += pack(m)
    if broadcastable(m):
        out += broadcast(m)
    return out


def client_c(i, path):
    lines = [banner(path, f"Calls of the interface `{i.name}`"), f'#include "{i.folder}/{i.name}_client.h"', ""]
    for m in i.methods:
        lines.append(f"/* --- {m.name} --- */\n")
        lines += client_method(m)
    return "\n".join(lines).rstrip() + "\n"


# --- server ------------------------------------------------------------------------------------------


def handler_params(m):
    return joined(["struct rpc_call *call"], [declare(p) for p in m.params])


def proto_answer(m):
    """What was promised by rpc_later: outputs by value, or by pointer to const."""
    outs = []
    for p in outputs(m):
        pointer = p.kind in ("value", "text", "array", "serial")
        outs.append(declare(p, pointer=pointer, const=True))
    return f"err_t {m.name}_answer({joined(['struct rpc_later *later', 'err_t err'], outs)})"


def server_h(i, path):
    lines = [banner(path, f"Handlers of the interface `{i.name}`"), "#pragma once\n",
             f'#include "{i.folder}/{i.name}_messages.h"', "",
             "/* One that is NULL answers ERR_UNSUPPORTED. */", f"struct {i.name}_handlers {{"]
    for m in i.methods:
        if m.comment:
            lines.append("\n".join("\t" + s.strip().replace("*", " *", 1) if s.strip()[:1] == "*" else "\t" + s.strip()
                                   for s in m.comment.split("\n")))
        lines.append(f"\t{'void' if m.oneway else 'err_t'} (*{m.field})({handler_params(m)});")
    lines += ["};", "", f"extern const struct rpc_service {i.name}_service;", "",
              "/* The answer of a handler that called rpc_later. */"]
    lines += [proto_answer(m) + ";" for m in i.methods if not m.oneway]
    return "\n".join(lines) + "\n"


def take_line(m):
    """Inputs out of a line, which may be the peer's memory: each is read once, into a local, before rpc_taken."""
    names, declared, statements, at = {}, [], [], 0
    for p in m.inputs:
        names[p] = f"&{p.name}" if p.pointer else p.name
        if p.kind == "value":
            declared.append(f"\t{p.base} {p.name};")
            statements.append(f"\tmemcpy(&{p.name}, &in_[{at}], sizeof({p.base}));")
        else:
            word = f"in_[{at}]" if p.base in ("uint64_t", "cptr_t", "size_t") else f"({p.base})in_[{at}]"
            declared.append(f"\t{p.base} {p.name} = {word};")
        at += 1 if p.kind == "length" else p.words
    return names, declared, statements + ["\trpc_taken(call);"]


def take_long(m):
    names = {}
    declared = ["\tstruct rpc_cursor k_ = rpc_call_cursor(call, in_);"]
    for p in m.inputs:
        if p.kind in ("scalar", "length"):
            declared.append(f"\t{p.base} {p.name} = ({p.base})rpc_get_word(&k_);")
            names[p] = f"&{p.name}" if p.pointer else p.name
        elif p.kind == "value":
            declared += [f"\t{p.base} {p.name};", f"\trpc_get_bytes(&k_, &{p.name}, sizeof({p.base}));"]
            names[p] = f"&{p.name}" if p.pointer else p.name
        elif p.kind == "text":
            declared.append(f"\tconst char *{p.name} = rpc_get_text(&k_, {p.maximum});")
            names[p] = p.name
        elif p.kind == "array":
            size = "1" if p.element == "char" else f"sizeof({p.element})"
            declared.append(f"\tuint64_t {p.length.name};")
            declared.append(f"\tconst {p.base} *{p.name} = "
                            f"rpc_get_array(&k_, &{p.length.name}, {size}, {p.maximum});")
            names[p] = p.name
            names[p.length] = f"({p.length.base}){p.length.name}"
        elif p.kind == "cap":
            declared.append(f"\tuint64_t {p.name}_ticket_ = rpc_get_word(&k_);")
            declared.append(f"\tcptr_t {p.name} = 0;")
            names[p] = p.name
        else:
            declared += [f"\t{p.base} {p.name};", f"\tuint64_t {p.name}_bytes_;",
                         f"\tconst void *{p.name}_data_ = rpc_get_array(&k_, &{p.name}_bytes_, 1, {p.maximum});"]
            names[p] = f"&{p.name}"
    return names, declared, []


def locals_out(m):
    """Where the handler writes its outputs: locals and how it is told."""
    names, declared, statements = {}, [], []
    for p in outputs(m):
        if p.direction == "inout" and p.kind != "length":
            continue
        if p.kind == "length":
            statements += [f"\tif ({p.name} > {p.array.maximum})", f"\t\t{p.name} = {p.array.maximum};"]
            continue
        if p.kind in ("scalar", "cap"):
            declared.append(f"\t{p.base} {p.name} = 0;")
            names[p] = f"&{p.name}"
        elif p.kind in ("value", "serial"):
            declared.append(f"\t{p.base} {p.name};")
            statements.append(f"\tmemset(&{p.name}, 0, sizeof({p.name})); /* its padding goes along */")
            names[p] = f"&{p.name}"
        elif p.kind == "text":
            declared.append(f"\tchar {p.name}[{p.maximum} + 1];")
            statements.append(f"\t{p.name}[0] = 0;")
            names[p] = p.name
        else:
            align = "_Alignas(16) " if p.element == "char" else ""
            declared.append(f"\t{align}{p.element} {p.name}[{p.maximum}];")
            names[p] = p.name
    return names, declared, statements


def put_answer(m, by_pointer):
    """Statements that pack the outputs, into `o_` or the line `m_`."""
    out = []
    at = 1
    for p in m.outputs:
        held = by_pointer(p)
        plain = p.name
        if m.answer_in_line:
            if p.kind == "value":
                out.append(f"memcpy(&m_.word[{at}], {plain if held else '&' + plain}, sizeof({p.base}));")
            else:
                out.append(f"m_.word[{at}] = {as_word(p, plain)};")
            at += p.words
        elif p.kind == "scalar":
            out.append(f"rpc_put_word(&o_, {as_word(p, plain)});")
        elif p.kind == "value":
            out.append(f"rpc_put_bytes(&o_, {plain if held else '&' + plain}, sizeof({p.base}));")
        elif p.kind == "text":
            out.append(f"rpc_put_text(&o_, {plain}, {p.maximum});")
        elif p.kind == "array":
            size = "1" if p.element == "char" else f"sizeof({p.element})"
            out.append(f"rpc_put_array(&o_, {plain}, {p.length.name}, {size}, {p.maximum});")
        elif p.kind == "cap":
            out.append(f"rpc_put_word(&o_, {plain}_out_);")
        else:
            put = f"{p.marks['serial']}_put({plain if held else '&' + plain}, to_, room_)"
            out += [f"to_ = rpc_serial_room(&o_, {p.maximum}, &room_);", f"rpc_serial_put(&o_, to_, to_ ? {put} : 0);"]
    return out


def answer_locals(m):
    if m.answer_in_line:
        return ["\tstruct urpc_message m_ = { .word = { 0 } };"]
    n = f"1 + {upper(m)}_ANSWER"
    out = [f"\tuint64_t out_[{n}];", f"\tstruct rpc_cursor o_ = {{ .at = out_ + 1, .end = out_ + {n} }};"]
    out += ["\tvoid *to_;", "\tsize_t room_;"] if any(p.kind == "serial" for p in m.outputs) else []
    return out + [f"\tuint64_t {p.name}_out_ = 0;" for p in m.outputs if p.kind == "cap"]


def cap_answers(m, call):
    out = []
    for p in m.outputs:
        if p.kind == "cap":
            out += [f"\tif (!err{'' if call == '&call_' else ' && !rpc_call_later(call)'})",
                    f"\t\terr = rpc_cap_send(rpc_call_channel({call}), {p.name}, &{p.name}_out_);"]
    return out


def give_answer(m, call):
    if m.answer_in_line:
        return [f"\trpc_answer_line({call}, err, &m_, {upper(m)}_ANSWER);"]
    return [f"\trpc_answer_long({call}, err, out_, &o_);"]


def pack_if_done(m, statements, extra=""):
    if not statements:
        return []
    if m.answer_in_line:
        return ["\t" + s for s in statements]
    return [f"\tif (!err{extra}) {{", *("\t\t" + s for s in statements), "\t}"]


def handler_args(m, names):
    return joined(["call"], [names[p] for p in m.params])


def serial_in(m):
    return [p for p in m.inputs if p.kind == "serial"]


def refuse_bad(m):
    if m.call_in_line:
        return []
    out = ["\tif (k_.bad || k_.at != k_.end) {", "\t\trpc_malformed(call);", "\t\treturn;", "\t}"]
    before = []
    for p in serial_in(m):
        fn = p.marks["serial"]
        out += [f"\tif (!{fn}_get(&{p.name}, {p.name}_data_, {p.name}_bytes_)) {{", *before,
                "\t\trpc_malformed(call);", "\t\treturn;", "\t}"]
        before = [f"\t\t{fn}_free(&{p.name});", *before]
    return out


def cap_inputs(m):
    caps = [p for p in m.inputs if p.kind == "cap"]
    out = ["\terr = ERR_OK;"] if caps else []
    for p in caps:
        out += ["\tif (!err)", f"\t\terr = rpc_cap_receive(rpc_call_channel(call), {p.name}_ticket_, &{p.name});"]
    return out, bool(caps)


def receive(m):
    names, declared, statements = take_line(m) if m.call_in_line else take_long(m)
    out_names, out_declared, out_statements = locals_out(m)
    names.update(out_names)
    lines = [f"static void {m.name}_receive(struct rpc_call *call, const uint64_t *in_)", "{",
             f"\tconst struct {m.interface.name}_handlers *handlers_ = call->handlers;"]
    lines += declared + out_declared
    lines += [] if m.oneway else answer_locals(m)
    caps, has_caps = cap_inputs(m)
    if not m.oneway or has_caps:
        lines.append(f"\terr_t err{'' if has_caps else ' = ERR_UNSUPPORTED'};")
    lines += [""]
    lines += ["\t(void)in_;"] if m.call_in_line and not m.inputs else []
    lines += refuse_bad(m) + statements + out_statements + caps
    call = f"handlers_->{m.field}({handler_args(m, names)})"
    if m.oneway:
        test = f"!err && handlers_->{m.field}" if has_caps else f"handlers_->{m.field}"
        lines += [f"\tif ({test})", f"\t\t{call};"]
    elif has_caps:
        lines += ["\tif (!err)", f"\t\terr = handlers_->{m.field} ? {call} : ERR_UNSUPPORTED;"]
    else:
        lines += [f"\tif (handlers_->{m.field})", f"\t\terr = {call};"]
    lines += [f"\t{p.marks['serial']}_free(&{p.name});" for p in serial_in(m)]
    if not m.oneway:
        lines += cap_answers(m, "call")
        lines += pack_if_done(m, put_answer(m, lambda p: False), " && !rpc_call_later(call)")
        lines += [f"\t{p.marks['serial']}_free(&{p.name});" for p in m.outputs if p.kind == "serial"]
        lines += give_answer(m, "call")
    return lines + ["}", ""]


def answer_function(m):
    lines = [proto_answer(m), "{"] + answer_locals(m) + ["\tstruct rpc_call call_;", ""]
    lines += ["\tif (rpc_later_call(later, &call_))", "\t\treturn ERR_CLOSED;"]
    lines += cap_answers(m, "&call_")
    lines += pack_if_done(m, put_answer(m, lambda p: p.kind in ("value", "text", "array", "serial")))
    lines += give_answer(m, "&call_")
    return lines + ["\trpc_later_end(later);", "\treturn ERR_OK;", "}", ""]


def least(m):
    """Fewest words that a call has."""
    return sum(p.words if p.fixed else 1 for p in m.inputs)


def method_table(i):
    lines = [f"static const struct rpc_method {i.name}_methods[{i.name.upper()}_METHODS] = {{"]
    for m in i.methods:
        fields = [f'.name = "{m.short}"', f".receive = {m.name}_receive", f".least = {least(m)}",
                  f".most = {upper(m)}_CALL"]
        fields += [f".answer = {upper(m)}_ANSWER"] if not m.oneway else [".oneway = true"]
        fields += [".idempotent = true"] if m.idempotent else []
        fields += [".line = true"] if m.call_in_line else []
        lines.append(f"\t[{upper(m)}] = {{ {', '.join(fields)} }},")
    return lines + ["};", ""]


def server_c(i, path):
    lines = [banner(path, f"From messages of the interface `{i.name}` to its handlers"),
             f'#include "{i.folder}/{i.name}_server.h"', ""]
    for m in i.methods:
        lines.append(f"/* --- {m.name} --- */\n")
        lines += receive(m)
        if not m.oneway:
            lines += answer_function(m)
    lines += method_table(i)
    lines += [f"const struct rpc_service {i.name}_service = {{ .name = \"{i.name}\",",
              f"\t.number = {i.name.upper()}_INTERFACE,", f"\t.methods = {i.name.upper()}_METHODS,",
              f"\t.method = {i.name}_methods }};"]
    return "\n".join(lines) + "\n"
