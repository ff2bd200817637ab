# SPDX-License-Identifier: Apache-2.0
"""What a set of descriptions means: libraries, types, calls, ops and the fields that travel."""

SCALARS = {  # wire scalar -> (bytes, C type)
    "u8": (1, "uint8_t"), "u16": (2, "uint16_t"), "u32": (4, "uint32_t"), "u64": (8, "uint64_t"),
    "i32": (4, "int32_t"), "i64": (8, "int64_t"), "f32": (4, "float"), "f64": (8, "double"),
}

BASIC = {  # C type -> wire scalar (LP64)
    "char": "u8", "signed char": "u8", "unsigned char": "u8", "uint8_t": "u8", "int8_t": "u8",
    "unsigned short": "u16", "uint16_t": "u16",
    "int": "i32", "int32_t": "i32", "unsigned int": "u32", "unsigned": "u32", "uint32_t": "u32",
    "long": "i64", "long int": "i64", "long long": "i64", "long long int": "i64", "int64_t": "i64",
    "unsigned long": "u64", "unsigned long int": "u64", "unsigned long long": "u64", "uint64_t": "u64", "size_t": "u64",
    "float": "f32", "double": "f64",
}

OP_FLAGS = ("device", "sync", "checked", "memo", "infallible", "invisible", "up", "down", "elidable", "closes", "opens", "makes", "ends")
CALL_ATTRIBUTES = OP_FLAGS + ("nocount", "keeps_last_error")
PER_THREAD = ("ptsz", "ptds")  # a call with a variant for per-thread default streams, and the end of its name
CLASSES = ("plain", "custom", "local", "unsupported", "constant")
OP_HEADER_BYTES = 8
SCALAR_BYTES = 16


class ApiError(Exception):
    """A mistake in a description, at a line."""

    def __init__(self, path, line, message):
        super().__init__(f"{path}:{line}: {message}")


class Place:
    """Where a statement stands, for messages."""

    def __init__(self, path, line):
        self.path, self.line = path, line

    def error(self, message):
        return ApiError(self.path, self.line, message)


class Library:
    def __init__(self, place, name, soname, node, status, codes, results, fallback):
        self.place, self.name, self.soname, self.node = place, name, soname, node
        self.status, self.codes, self.results, self.fallback = status, codes, results, fallback
        self.texts, self.minus_one, self.extra = [], [], []  # fallback: symbols that return text or -1, symbols in no list


class Type:
    """kind: enum, struct, union, alias, opaque, handle or value."""

    def __init__(self, place, kind, name, text, **more):
        self.place, self.kind, self.name, self.text = place, kind, name, text
        self.object_kind = more.get("object_kind")
        self.prepare = more.get("prepare", False)
        self.device_scalars = more.get("device_scalars", False)
        self.values = more.get("values", [])
        self.fields = more.get("fields", [])


class Param:
    """One C parameter of a call."""

    def __init__(self, place, declaration, ctype, name, annotation, expression):
        self.place, self.declaration, self.ctype, self.name = place, declaration, ctype, name
        self.annotation, self.expression = annotation, expression


class Call:
    def __init__(self, place, doc, kind, constant, ret, name, params, attributes):
        self.place, self.doc, self.kind, self.constant = place, doc, kind, constant
        self.ret, self.name, self.params, self.attributes = ret, name, params, attributes
        self.library = None
        self.op = None
        self.base = None  # of a per-thread variant: the call that it is a variant of


class Field:
    """One field of an op or of its reply. wire: a scalar name, dev, id, new, del, array, content, scalar or result."""

    def __init__(self, name, wire, **more):
        self.name, self.wire = name, wire
        self.kind = more.get("kind")          # object kind of id/new/del
        self.element = more.get("element")    # scalar name of an array
        self.slot = more.get("slot", False)   # may change from one inference to the next: not part of the token
        self.extent = more.get("extent")      # how far a dev reaches, a product of fields
        self.param = more.get("param")        # the call's parameter that it carries

    def n_fixed(self):
        """Bytes in the packed fixed part, or None when the size varies."""
        if self.wire in SCALARS:
            return SCALARS[self.wire][0]
        return {"dev": 8, "id": 4, "new": 4, "del": 4, "scalar": 1 + SCALAR_BYTES, "result": 9}.get(self.wire)

    def in_token(self):
        if self.slot or self.wire in ("dev", "new", "del"):
            return False
        return not (self.wire == "id" and self.kind == "event")


class Op:
    def __init__(self, place, doc, plain, name, fields, replies, attributes, execute):
        self.place, self.doc, self.plain, self.name = place, doc, plain, name
        self.fields, self.replies, self.attributes, self.execute = fields, replies, attributes, execute
        self.number = None
        self.library = None  # name for messages: "cuda", "cublas" ...
        self.call = None


class Description:
    """One .api file."""

    def __init__(self, path, stem):
        self.path, self.stem = path, stem
        self.library, self.includes = None, []
        self.statements = []  # types and calls in file order, for the header
        self.types, self.calls, self.ops, self.unsupported, self.vendor = [], [], [], [], []
        self.fallbacks = []
        self.versions = []


class Api:
    """All files together."""

    def __init__(self):
        self.descriptions = []
        self.types = {}
        self.calls = {}
        self.ops = {}
        self.prototypes = {}
        self.symbols = {}  # node -> set of names, from symbols/*.tsv

    def libraries(self):
        return [d.library for d in self.descriptions if d.library]

    def all_calls(self):
        return [c for d in self.descriptions for c in d.calls]

    def all_ops(self):
        return sorted((o for d in self.descriptions for o in d.ops), key=lambda o: o.number)

    def resolve(self, ctype):
        """(category, Type or scalar) of a by-value C type; category: scalar, enum, handle, value, other."""
        name = ctype.strip()
        seen = 0
        while seen < 20:
            words = [w for w in name.split() if w not in ("const", "enum", "struct", "union", "volatile")]
            name = " ".join(words)
            if name in BASIC:
                return "scalar", BASIC[name]
            found = self.types.get(name)
            if found is None:
                return "other", None
            if found.kind == "alias":
                name = found.text
                if "*" in name:
                    return "other", found
                seen += 1
                continue
            if found.kind in ("enum", "handle", "value"):
                return found.kind, found
            return "other", found
        return "other", None
