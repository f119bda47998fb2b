"""Reads a proto.h with libclang: its interface, methods, parameters, and whether stubs can carry them.

Whatever cannot be handled raises Unfit, with the file and the line of it.  The annotations
are those of libos/rpc/annotate.h.
"""
import os
import re
import subprocess

import clang.cindex
from clang.cindex import CursorKind, TypeKind

WORDS_MAX = 1024     # libos/rpc/message.h: RPC_WORDS_MAX
LINE_WORDS = 6       # of arguments, in one line
TEXT_DEFAULT = 3000  # RPC_TEXT_DEFAULT
INTERFACES = 32      # RPC_INTERFACES
METHODS = 256

INTEGERS = {TypeKind.CHAR_U, TypeKind.CHAR_S, TypeKind.UCHAR, TypeKind.SCHAR, TypeKind.SHORT, TypeKind.USHORT,
            TypeKind.INT, TypeKind.UINT, TypeKind.LONG, TypeKind.ULONG, TypeKind.LONGLONG, TypeKind.ULONGLONG,
            TypeKind.BOOL, TypeKind.ENUM}
FLOATS = {TypeKind.FLOAT, TypeKind.DOUBLE}
KEYWORDS = set("""auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
while""".split())
DIRECTIONS = ("in", "out", "inout")
MARKS = {"string", "cap"}
MARKS_WITH = {"sized", "max", "serial"}


class Unfit(Exception):
    def __init__(self, cursor, text):
        where = cursor.location
        super().__init__(f"{where.file}:{where.line}: {text}")


class Param:
    """One parameter. kind: scalar, value (plain data), text, array, serial, cap, or length (of an array)."""

    def __init__(self, cursor, method):
        self.cursor = cursor
        self.name = cursor.spelling
        self.type = cursor.type
        self.method = method
        self.marks = read_marks(cursor, self)
        self.direction = self.marks.get("direction")
        self.array = None   # of a length: whose
        self.length = None  # of an array
        self.limit = 0      # most elements, or bytes

    def fail(self, text):
        raise Unfit(self.cursor, f"{self.method.name}: parameter {self.name or '?'}: {text}")

    @property
    def is_in(self):
        return self.direction in ("in", "inout")

    @property
    def is_out(self):
        return self.direction in ("out", "inout")

    @property
    def pointee(self):
        return self.type.get_pointee()

    @property
    def base(self):
        """The type of the thing itself, without const."""
        base = self.pointee if self.pointer else self.type
        return re.sub(r"^const ", "", base.spelling).replace("_Bool", "bool")

    @property
    def element(self):
        return "char" if self.pointee.get_canonical().kind == TypeKind.VOID else self.base

    @property
    def element_size(self):
        return 1 if self.element == "char" else self.pointee.get_size()

    @property
    def pointer(self):
        return self.type.get_canonical().kind == TypeKind.POINTER

    @property
    def words(self):
        """Most words that it takes on the wire."""
        if self.kind == "length":
            return 0
        if self.kind in ("scalar", "cap"):
            return 1
        if self.kind == "value":
            size = (self.pointee if self.pointer else self.type).get_size()
            return (size + 7) // 8
        if self.kind == "text":
            return 1 + (self.limit + 8) // 8
        if self.kind == "array":
            return 1 + (self.limit * self.element_size + 7) // 8
        return 1 + (self.limit + 7) // 8

    @property
    def fixed(self):
        return self.kind in ("scalar", "value", "cap")

    @property
    def maximum(self):
        """The limit as it is written in C."""
        if "max" in self.marks:
            return f"({self.marks['max']})"
        if self.kind == "array" and self.element_size > 1:
            return f"(RPC_TEXT_DEFAULT / sizeof({self.element}))"
        return "RPC_TEXT_DEFAULT"


class Method:
    def __init__(self, cursor, interface):
        self.cursor = cursor
        self.name = cursor.spelling
        self.interface = interface
        self.short = self.name[len(interface.name) + 1:]
        self.field = self.short + "_" if self.short in KEYWORDS else self.short
        marks = read_marks(cursor, None)
        self.idempotent = "idempotent" in marks
        self.oneway = "oneway" in marks
        self.comment = cursor.raw_comment
        self.params = [Param(c, self) for c in cursor.get_arguments()]

    def fail(self, text):
        raise Unfit(self.cursor, f"{self.name}: {text}")

    def wire(self, out):
        return [p for p in self.params if (p.is_out if out else p.is_in) and p.kind != "length"]

    @property
    def inputs(self):
        """What the call carries: also how much room there is for outputs of the caller's size."""
        return [p for p in self.params if p.is_in and not (p.kind == "length" and p.array.direction == "in")]

    @property
    def outputs(self):
        return self.wire(True)

    def input_words(self):
        return sum(1 if p.kind == "length" else p.words for p in self.inputs)

    def output_words(self):
        return sum(p.words for p in self.outputs)

    @property
    def call_in_line(self):
        return all(p.fixed and p.kind != "cap" or p.kind == "length" for p in self.inputs) and \
            self.input_words() <= LINE_WORDS

    @property
    def answer_in_line(self):
        return all(p.fixed and p.kind != "cap" for p in self.outputs) and self.output_words() <= LINE_WORDS

    @property
    def caps(self):
        return any(p.kind == "cap" for p in self.params)


class Interface:
    def __init__(self):
        self.name = None
        self.number = 0
        self.methods = []
        self.includes = []


# --- annotations -------------------------------------------------------------------------------


def annotations(cursor):
    for child in cursor.get_children():
        if child.kind == CursorKind.ANNOTATE_ATTR and child.spelling.startswith("rpc:"):
            yield child.spelling[4:]


def read_marks(cursor, param):
    marks = {}
    for text in annotations(cursor):
        name, _, value = text.partition(":")
        if param and name in DIRECTIONS:
            name, value = "direction", name
        elif param and name not in MARKS | MARKS_WITH or not param and name not in ("idempotent", "oneway"):
            raise Unfit(cursor, f"{cursor.spelling}: rpc_{name} does not belong here")
        if name in marks:
            raise Unfit(cursor, f"{cursor.spelling}: two annotations contradict or repeat each other")
        marks[name] = value
    return marks


# --- types ---------------------------------------------------------------------------------------


def unfit_inside(t, path):
    """Why a value of that type is not plain data, or None."""
    t = t.get_canonical()
    if t.kind in INTEGERS or t.kind in FLOATS:
        if t.kind == TypeKind.BOOL and path:
            return f"{path} is a bool, and not every byte is one: use uint8_t"
        return None
    if t.kind == TypeKind.CONSTANTARRAY:
        return unfit_inside(t.element_type, path + "[]")
    if t.kind == TypeKind.RECORD:
        if t.get_size() <= 0:
            return f"{t.spelling} is not defined, or empty"
        for field in t.get_fields():
            why = unfit_inside(field.type, f"{path}.{field.spelling}" if path else field.spelling)
            if why:
                return why
        return None
    what = "a pointer" if t.kind == TypeKind.POINTER else f"of type {t.spelling}"
    return f"{path or 'it'} is {what}: only plain data can be copied into a message (rpc_serial for others)"


def check_constness(p):
    if not p.pointer:
        if p.is_out:
            p.fail("an output is written through a pointer")
        return
    if p.direction == "in" and not p.pointee.is_const_qualified():
        p.fail("an input pointer points to const")
    if p.is_out and p.pointee.is_const_qualified():
        p.fail("an output cannot be const")


def kind_of_plain(p):
    t = p.pointee if p.pointer else p.type
    canonical = t.get_canonical()
    if p.pointer and canonical.kind == TypeKind.VOID:
        p.fail("a void pointer needs rpc_sized")
    if p.pointer and canonical.kind in (TypeKind.CHAR_S, TypeKind.CHAR_U):
        p.fail("is it text or a buffer? Say rpc_string or rpc_sized")
    why = unfit_inside(canonical, "")
    if why:
        p.fail(why)
    if canonical.kind in INTEGERS and canonical.get_size() <= 8 and not (p.pointer and p.direction == "in"):
        return "scalar"
    return "value"


def kind_of(p):
    marks = p.marks
    if not p.name:
        p.fail("has no name")
    if not p.direction:
        p.fail("say rpc_in, rpc_out or rpc_inout")
    if p.type.kind in (TypeKind.CONSTANTARRAY, TypeKind.INCOMPLETEARRAY, TypeKind.VARIABLEARRAY) or \
            "[" in p.type.spelling:
        p.fail("is an array: use a pointer with rpc_sized, or a struct")
    if len([m for m in ("string", "sized", "cap", "serial") if m in marks]) > 1:
        p.fail("only one of rpc_string, rpc_sized, rpc_cap, rpc_serial")
    check_constness(p)
    if "max" in marks and not any(m in marks for m in ("string", "sized", "serial")):
        p.fail("rpc_max is for rpc_string, rpc_sized and rpc_serial")
    for mark, kind in (("string", "text"), ("sized", "array"), ("serial", "serial")):
        if mark not in marks:
            continue
        if not p.pointer:
            p.fail(f"rpc_{mark} is for pointers")
        if p.direction == "inout":
            p.fail(f"rpc_{mark} goes one way: use an rpc_in and an rpc_out")
        return kind
    if "cap" in marks:
        if p.direction == "inout":
            p.fail("rpc_cap goes one way: use an rpc_in and an rpc_out")
        if p.base != "cptr_t" or p.direction == "in" and p.pointer:
            p.fail("rpc_cap is for cptr_t (in) and cptr_t * (out)")
        return "cap"
    return kind_of_plain(p)


def check_kind(p):
    if p.kind == "text" and p.pointee.get_canonical().kind not in (TypeKind.CHAR_S, TypeKind.CHAR_U):
        p.fail("rpc_string is for char *")
    if p.kind == "array" and p.element != "char":
        why = unfit_inside(p.pointee.get_canonical(), p.element)
        if why:
            p.fail(why)
    if p.kind == "serial":
        if p.pointee.get_canonical().kind != TypeKind.RECORD:
            p.fail("rpc_serial is for pointers to structs")
        if not re.fullmatch(r"[a-z_]\w*", p.marks["serial"]):
            p.fail("rpc_serial takes the name that its functions begin with")


def find_length(p):
    """Binds an array to the parameter that says how long it is."""
    match = re.fullmatch(r"(\*?)\s*([a-z_A-Z]\w*)", p.marks["sized"])
    if not match:
        p.fail(f"rpc_sized({p.marks['sized']}): only a parameter, or what one points to")
    length = next((q for q in p.method.params if q.name == match.group(2)), None)
    if length is None or length.kind != "scalar":
        p.fail(f"rpc_sized({p.marks['sized']}): there is no such number among the parameters")
    if length.array:
        p.fail(f"{length.name} is the length of {length.array.name} already")
    if p.direction == "in" and (match.group(1) or length.direction != "in"):
        p.fail("the length of an input is an rpc_in number: rpc_sized(length)")
    if p.direction == "out" and (not match.group(1) or length.direction != "inout"):
        p.fail("the length of an output is an rpc_inout number: rpc_sized(*length)")
    p.length, length.array = length, p


# --- methods ---------------------------------------------------------------------------------------


def check_method(m):
    result = m.cursor.result_type.spelling
    if m.cursor.type.is_function_variadic():
        m.fail("a method has a fixed number of parameters")
    if m.cursor.is_definition():
        m.fail("methods are declared, not defined")
    if m.oneway and (result != "void" or m.idempotent):
        m.fail("an rpc_oneway method is void, and nothing else")
    if not m.oneway and result != "err_t":
        m.fail(f"returns {result}: a method returns err_t, or is rpc_oneway void")
    if not re.fullmatch(re.escape(m.interface.name) + r"_[a-z]\w*", m.name):
        m.fail(f"the methods of {m.interface.name} are named {m.interface.name}_...")


def check_params(m):
    for p in m.params:
        p.kind = kind_of(p)
        check_kind(p)
        if m.oneway and p.is_out:
            p.fail("a one-way method has no outputs")
    for p in m.params:
        if p.kind == "array":
            find_length(p)
    for p in m.params:
        if p.array:
            p.kind = "length"


def check_sizes(m):
    for words, what in ((m.input_words(), "its inputs"), (m.output_words(), "its outputs")):
        if words >= WORDS_MAX:
            m.fail(f"{what} take up to {8 * words} bytes, a message has {8 * (WORDS_MAX - 1)}: use rpc_max")


def check_names(methods):
    """Names of what is generated must not meet those of other methods, or of our own variables."""
    taken = {}
    for m in methods:
        for suffix in ("", "_start", "_finish", "_pack", "_broadcast", "_answer", "_put", "_get", "_receive", "_shape"):
            other = taken.setdefault(m.name + suffix, m)
            if other is not m:
                m.fail(f"its name meets the stubs of {other.name}")
        for p in m.params:
            if p.name in ("client", "clients", "n_clients", "results", "pending", "call", "later", "packed", "err") or \
                    p.name.endswith("_"):
                p.fail("a name that the stubs use themselves")


# --- the file ------------------------------------------------------------------------------------------


def resource_dir():
    out = subprocess.run(["clang-14", "-print-resource-dir"], check=True, capture_output=True, text=True)
    return out.stdout.strip()


def parse(path, unsaved=None, resources=[]):
    if not resources:
        resources.append(resource_dir())
    args = ["-x", "c", "-std=gnu11", "-D_GNU_SOURCE", "-DSKERRY_RPCGEN=1", "-fparse-all-comments",
            "-Wall", "-Wno-unused", "-isystem", resources[0] + "/include", "-I."]
    unit = clang.cindex.Index.create().parse(path, args=args, unsaved_files=unsaved)
    for d in unit.diagnostics:
        if d.severity >= clang.cindex.Diagnostic.Warning and "#pragma once" not in d.spelling:
            where = f"{d.location.file}:{d.location.line}" if d.location.file else path
            raise SystemExit(f"{where}: {d.spelling}")
    return unit


def evaluate_limits(path, params):
    """The values of rpc_max, by the C parser."""
    asked = [p for p in params if "max" in p.marks]
    for p in asked:
        text = f'#include "{path}"\nenum {{ rpc_value = ({p.marks["max"]}) }};\n'
        try:
            unit = parse("rpc_max.c", [("rpc_max.c", text)])
        except SystemExit as e:
            p.fail(f"rpc_max({p.marks['max']}): {str(e).split(': ', 1)[-1]}")
        value = [c.enum_value for e in unit.cursor.get_children() if e.kind == CursorKind.ENUM_DECL
                 for c in e.get_children() if c.spelling == "rpc_value"][0]
        if value <= 0:
            p.fail(f"rpc_max({p.marks['max']}) is {value}")
        p.limit = value
    for p in params:
        if p not in asked and p.kind in ("text", "array", "serial"):
            p.limit = TEXT_DEFAULT // (p.element_size if p.kind == "array" else 1)


def read_interface(cursor, interface, folder):
    entry = list(cursor.get_children())[0]
    if interface.name:
        raise Unfit(cursor, "a second rpc_interface")
    interface.name = entry.spelling[len("rpc_interface_"):]
    interface.number = entry.enum_value
    if not 0 < interface.number < INTERFACES:
        raise Unfit(cursor, f"the interface's number is 1 to {INTERFACES - 1}")
    if interface.name != folder:
        raise Unfit(cursor, f"an interface is named as its folder: {folder}")


def is_interface(cursor):
    children = list(cursor.get_children())
    return cursor.kind == CursorKind.ENUM_DECL and children and children[0].spelling.startswith("rpc_interface_")


def read(path):
    """The Interface of a proto.h, and all files that it includes."""
    unit = parse(path)
    interface = Interface()
    folder = os.path.basename(os.path.dirname(path))
    for cursor in unit.cursor.get_children():
        if not cursor.location.file or cursor.location.file.name != path:
            continue
        if is_interface(cursor):
            read_interface(cursor, interface, folder)
        elif cursor.kind == CursorKind.FUNCTION_DECL:
            if not interface.name:
                raise Unfit(cursor, "rpc_interface(name, number) comes before the methods")
            interface.methods.append(Method(cursor, interface))
        else:
            raise Unfit(cursor, "only rpc_interface and methods stand here: types belong into an included header")
    if not interface.methods:
        raise SystemExit(f"{path}:1: no interface with methods")
    if len(interface.methods) > METHODS:
        interface.methods[METHODS].fail(f"an interface has at most {METHODS} methods")
    for m in interface.methods:
        check_method(m)
        check_params(m)
        evaluate_limits(path, m.params)
        check_sizes(m)
    check_names(interface.methods)
    with open(path) as f:
        interface.includes = [i for i in re.findall(r'^\s*#\s*include\s+(["<].*[">])', f.read(), re.MULTILINE)
                              if "libos/rpc/annotate.h" not in i]
    files = sorted({i.include.name for i in unit.get_includes()})
    return interface, files
