# SPDX-License-Identifier: Apache-2.0
"""Reads .api files (docs/api-format.md) into the model."""

import os
import re

from .model import (Api, ApiError, Call, CALL_ATTRIBUTES, CLASSES, Description, Field, Library, Op, OP_FLAGS, Param, Place,
                    PER_THREAD, SCALARS, Type)

STATEMENTS = ("header, library, fallback, include, enum, struct, union, type, opaque, handle, value, call, op, unsupported, vendor, version, "
              "since")


def split_statements(path, text):
    """Yields (line, doc, statement). Comments are blanked; a statement ends at ';' outside brackets."""
    lines = text.split("\n")
    docs, clean, pending = {}, [], []
    for number, line in enumerate(lines, 1):
        code, hash_, comment = line.partition("#")
        if hash_ and not code.strip() and comment.startswith("#"):
            pending.append(comment[1:].strip())
        elif code.strip():
            if pending:
                docs[number] = " ".join(pending)
            pending = []
        elif not hash_:
            pending = []
        clean.append(code)
    start, depth, current, openers = None, 0, [], []
    for number, line in enumerate(clean, 1):
        for character in line + "\n":
            if start is None and not character.isspace():
                start = number
            if character in "([{":
                openers.append((character, number))
            elif character in ")]}":
                if not openers or "([{".index(openers[-1][0]) != ")]}".index(character):
                    raise ApiError(path, number, f"'{character}' closes nothing")
                openers.pop()
            if character == ";" and not openers:
                statement = "".join(current).strip()
                if statement:
                    yield start, docs.get(start, ""), statement
                current, start = [], None
            else:
                current.append(character)
    if openers:
        raise ApiError(path, openers[-1][1], f"'{openers[-1][0]}' is never closed")
    if "".join(current).strip():
        raise ApiError(path, start, "the statement does not end with ';'")


def split_top(text, separator=","):
    """Splits at separators outside brackets."""
    parts, depth, current = [], 0, []
    for character in text:
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        if character == separator and depth == 0:
            parts.append("".join(current).strip())
            current = []
        else:
            current.append(character)
    parts.append("".join(current).strip())
    return parts


def squeeze(text):
    return re.sub(r"\s+", " ", text).strip()


def cut_attributes(text):
    """'... : a, b' -> (text, [a, b]); the colon must stand outside brackets."""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        if text[at] in ")]}":
            depth += 1
        elif text[at] in "([{":
            depth -= 1
        elif text[at] == ":" and depth == 0:
            return text[:at].strip(), [squeeze(a) for a in text[at + 1:].split(",")]
    return text.strip(), []


def cut_arguments(place, text):
    """'head(arguments)' -> (head, arguments)."""
    match = re.match(r"([^(]*)\((.*)\)$", text, re.S)
    if not match:
        raise place.error("expected a parameter list in parentheses")
    return match.group(1).strip(), match.group(2).strip()


def check_attributes(place, attributes, known):
    result = {}
    for attribute in attributes:
        name, equals, value = attribute.partition("=")
        name = name.strip()
        if name == "stream" and equals:
            result["stream"] = value.strip()
        elif name in known and not equals:
            result[name] = True
        else:
            raise place.error(f"unknown attribute '{attribute}'")
    return result


def parse_param(place, text):
    text = squeeze(text)
    annotation = expression = None
    match = re.search(r"\[([^\[\]]*)\]$", text)
    if match:
        word, _, expression = match.group(1).strip().partition(" ")
        if word not in ("dev", "scalar", "result", "in", "out"):
            raise place.error(f"unknown annotation '[{match.group(1)}]'")
        annotation, expression = word, expression.strip() or None
        text = text[:match.start()].strip()
    if "(*" in text:
        name = re.search(r"\(\*\s*(\w+)\)", text)
        if not name:
            raise place.error(f"a function pointer without a name: '{text}'")
        return Param(place, text, text, name.group(1), annotation, expression)
    match = re.match(r"(.*?[\s*])(\w+)$", text)
    if not match:
        raise place.error(f"a parameter needs a type and a name: '{text}'")
    ctype = match.group(1).strip()
    if annotation and "*" not in ctype:
        raise place.error(f"'[{annotation}]' needs a pointer, '{match.group(2)}' is none")
    return Param(place, text, ctype, match.group(2), annotation, expression)


WITH_VARIANTS = ("custom", "local", "unsupported")


def check_per_thread(place, attributes):
    """The one per-thread attribute, or None."""
    suffixes = [a for a in attributes if a in PER_THREAD]
    if len(suffixes) > 1:
        raise place.error("a call has one per-thread variant: 'ptsz' or 'ptds'")
    return suffixes[0] if suffixes else None


def variant_of(call):
    """The same call with NULL streams meaning the calling thread's; None when it has no such variant."""
    suffix = check_per_thread(call.place, call.attributes)
    if not suffix:
        return None
    attributes = {k: v for k, v in call.attributes.items() if k not in PER_THREAD}
    variant = Call(call.place, "", call.kind, None, call.ret, f"{call.name}_{suffix}", call.params, attributes)
    variant.base = call
    return variant


def parse_unsupported(place, text):
    """'name, name : ptsz' -> names, those of the variants among them."""
    text, attributes = cut_attributes(text)
    suffix = check_per_thread(place, check_attributes(place, attributes, PER_THREAD))
    names = []
    for name in split_top(text):
        if not re.match(r"\w+$", name):
            raise place.error(f"expected a symbol: '{name}'")
        names += [name, f"{name}_{suffix}"] if suffix else [name]
    return names


def parse_call(place, doc, text):
    text, attributes = cut_attributes(text)
    head, arguments = cut_arguments(place, text)
    words = head.split()
    if not words or words[0] not in CLASSES:
        raise place.error(f"unknown class '{words[0] if words else ''}' (one of {', '.join(CLASSES)})")
    kind, constant = words.pop(0), None
    if kind == "constant":
        if not words or not re.match(r"-?\w+$", words[0]):
            raise place.error("'constant' needs a value")
        constant = words.pop(0)
    match = re.match(r"(.*?[\s*])(\w+)$", " ".join(words))
    if not match:
        raise place.error("expected a return type and a name")
    params = []
    if arguments not in ("", "void"):
        params = [parse_param(place, part) for part in split_top(arguments)]
    names = [p.name for p in params]
    for name in names:
        if names.count(name) > 1:
            raise place.error(f"parameter '{name}' appears twice")
    known = CALL_ATTRIBUTES if kind in ("plain", "custom", "local") else ("nocount", "keeps_last_error")
    attributes = check_attributes(place, attributes, known + (PER_THREAD if kind in WITH_VARIANTS else ()))
    if kind != "plain":
        for flag in attributes:
            if flag not in ("nocount", "keeps_last_error") + PER_THREAD:
                raise place.error(f"'{flag}' belongs to plain calls and ops")
        for param in params:
            if param.annotation:
                raise place.error(f"'[{param.annotation}]' belongs to plain calls")
    return Call(place, doc, kind, constant, match.group(1).strip(), match.group(2), params, attributes)


def parse_op_field(place, text):
    text = squeeze(text)
    slot, extent = False, None
    match = re.search(r"\[([^\[\]]*)\]$", text)
    if match:
        inside = match.group(1).strip()
        text = text[:match.start()].strip()
        if inside == "slot":
            slot = True
        elif text.startswith("dev "):
            extent = [w.strip() for w in inside.split("*")]
            if not all(re.match(r"\w+$", w) for w in extent):
                raise place.error(f"an extent is a product of parameters: '[{inside}]'")
        else:
            raise place.error(f"unknown annotation '[{inside}]'")
    match = re.match(r"(out )?([\w()]+) (\w+)$", text)
    if not match:
        raise place.error(f"expected 'type name': '{text}'")
    out, type_, name = bool(match.group(1)), match.group(2), match.group(3)
    shape = re.match(r"(\w+)\((\w+)\)$", type_)
    if shape and shape.group(1) in ("id", "new", "del") and not out:
        return out, Field(name, shape.group(1), kind=shape.group(2), slot=slot)
    if shape and shape.group(1) == "array" and shape.group(2) in SCALARS:
        return out, Field(name, "array", element=shape.group(2), slot=slot)
    if type_ == "bytes":
        return out, Field(name, "array", element="u8", slot=slot)
    if type_ == "dev" and not out:
        return out, Field(name, "dev", slot=slot, extent=extent)
    if type_ in SCALARS:
        return out, Field(name, type_, slot=slot)
    raise place.error(f"unknown type '{type_}'")


def parse_op(place, doc, text):
    execute = None
    head, arrow, tail = text.partition("=>")
    if arrow:
        name, arguments = cut_arguments(place, tail.strip())
        execute = (name, split_top(arguments) if arguments else [])
    head, attributes = cut_attributes(head.strip())
    head, arguments = cut_arguments(place, head)
    words = head.split()
    if len(words) != 2 or words[0] not in ("plain", "custom"):
        raise place.error("expected 'op plain|custom name(...)'")
    plain, name = words[0] == "plain", words[1]
    if plain and not execute:
        raise place.error(f"plain op '{name}' needs '=> vendorFunction(...)'")
    if execute and not plain:
        raise place.error(f"custom op '{name}' is executed by hand: no '=>'")
    fields, replies = [], []
    for part in split_top(arguments) if arguments else []:
        out, field = parse_op_field(place, part)
        (replies if out else fields).append(field)
    names = [f.name for f in fields + replies]
    for field in fields + replies:
        if names.count(field.name) > 1:
            raise place.error(f"parameter '{field.name}' appears twice")
    return Op(place, doc, plain, name, fields, replies, check_attributes(place, attributes, OP_FLAGS), execute)


def parse_enum(place, text):
    match = re.match(r"(\w+)\s*\{(.*)\}$", text, re.S)
    if not match:
        raise place.error("expected 'enum Name { A = 0, ... }'")
    values = []
    for part in split_top(match.group(2)):
        if not part:
            continue
        item = re.match(r"(\w+)\s*=\s*(-?\w+)$", part)
        if not item:
            raise place.error(f"an enumerator needs a value: '{squeeze(part)}'")
        try:
            values.append((item.group(1), int(item.group(2), 0)))
        except ValueError:
            raise place.error(f"'{item.group(2)}' is not a number") from None
    return Type(place, "enum", match.group(1), "", values=values)


def parse_struct(place, kind, text):
    match = re.match(r"(\w+)\s*\{(.*)\}$", text, re.S)
    if not match:
        raise place.error(f"expected '{kind} Name {{ ... }}'")
    fields = []
    for part in split_top(match.group(2), ";"):
        if part:
            name = re.search(r"(\w+)\s*(\[[^\]]*\]\s*)*$", part)
            inner = re.search(r"\(\*(\w+)\)", part)
            fields.append((squeeze(part), inner.group(1) if inner else name.group(1) if name else None))
    return Type(place, kind, match.group(1), match.group(2), fields=fields)


def parse_library(place, text, fallback):
    match = re.match(r"(\w+)\s+soname\s+(\S+)\s+node\s+(\S+)\s+status\s+(\w+)\s+(.*)$", text, re.S)
    if not match:
        raise place.error("expected 'library NAME soname FILE node NODE status TYPE ok=N unsupported=N ...'")
    codes, results = {}, False
    lists = {"text": [], "minus_one": [], "extra": []}
    for word in match.group(5).split():
        name, equals, value = word.partition("=")
        if fallback and equals and name in lists:
            lists[name] = value.split(",")
            continue
        if word == "results":
            results = True
        elif equals and name in ("ok", "unsupported", "lost", "forked", "exiting", "invalid", "value") and re.match(r"-?\d+$", value):
            codes[name] = int(value)
        else:
            raise place.error(f"unknown status '{word}'")
    needed = ("ok", "unsupported") if fallback else ("ok", "unsupported", "lost", "forked", "exiting", "invalid", "value")
    for name in needed:
        if name not in codes:
            raise place.error(f"library '{match.group(1)}' lacks '{name}='")
    library = Library(place, match.group(1), match.group(2), match.group(3), match.group(4), codes, results, fallback)
    library.texts, library.minus_one, library.extra = lists["text"], lists["minus_one"], lists["extra"]
    return library


def parse_type(place, keyword, text):
    if keyword == "enum":
        return parse_enum(place, text)
    if keyword in ("struct", "union"):
        return parse_struct(place, keyword, text)
    name, equals, rest = text.partition("=")
    name, rest = name.strip(), squeeze(rest)
    if not equals or not re.match(r"\w+$", name) or not rest:
        raise place.error(f"expected '{keyword} Name = ...'")
    if keyword == "type":
        return Type(place, "alias", name, rest)
    if keyword == "opaque":
        if not re.match(r"struct \w+$", rest):
            raise place.error("expected 'opaque Name = struct tag'")
        return Type(place, "opaque", name, rest)
    words = rest.split()
    kind, flags, tag = words[0], [], None
    for at, word in enumerate(words[1:], 1):
        if word == "struct":
            tag = " ".join(words[at:])
            break
        flags.append(word)
    for flag in flags:
        if keyword != "handle" or flag not in ("prepare", "device_scalars"):
            raise place.error(f"unknown word '{flag}'")
    return Type(place, keyword, name, tag or f"struct {name}_st", object_kind=kind, prepare="prepare" in flags,
                device_scalars="device_scalars" in flags)


def parse_version(place, text):
    words = text.split()
    if len(words) < 3 or len(words) % 2 == 0:
        raise place.error("expected 'version NAME SINCE FUNCTION [SINCE FUNCTION ...]'")
    pairs = []
    for since, function in zip(words[1::2], words[2::2]):
        if not since.isdigit():
            raise place.error(f"'{since}' is not a version number")
        pairs.append((int(since), function))
    return words[0], pairs, place


def parse_since(place, text):
    """'12000 name, name': versions as parse_version has them."""
    match = re.match(r"(\d+)\s+(.*)$", text, re.S)
    if not match:
        raise place.error("expected 'since VERSION FUNCTION, FUNCTION ...'")
    return [(name, [(int(match.group(1)), name)], place) for name in split_top(match.group(2))]


def parse_file(path):
    stem = os.path.splitext(os.path.basename(path))[0]
    description = Description(path, stem)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    shown = os.path.relpath(path)
    shown = path if shown.startswith("..") else shown
    for line, doc, statement in split_statements(shown, text):
        place = Place(shown, line)
        keyword, _, rest = statement.partition(" ")
        keyword, rest = keyword.strip(), rest.strip()
        if "\n" in keyword:
            keyword, _, more = statement.partition("\n")
            rest = more.strip()
        if keyword == "header":
            pass
        elif keyword == "library":
            if description.library:
                raise place.error("one library per file")
            description.library = parse_library(place, rest, False)
        elif keyword == "fallback":
            word, _, rest = rest.partition(" ")
            if word != "library":
                raise place.error("expected 'fallback library ...'")
            description.fallbacks.append(parse_library(place, rest.strip(), True))
        elif keyword == "include":
            description.includes.append((rest, place))
        elif keyword in ("enum", "struct", "union", "type", "opaque", "handle", "value"):
            type_ = parse_type(place, keyword, rest)
            description.types.append(type_)
            description.statements.append(type_)
        elif keyword == "call":
            call = parse_call(place, doc, rest)
            for each in filter(None, (call, variant_of(call))):
                description.calls.append(each)
                description.statements.append(each)
        elif keyword == "op":
            description.ops.append(parse_op(place, doc, rest))
        elif keyword == "unsupported":
            description.unsupported += [(name, place) for name in parse_unsupported(place, rest)]
        elif keyword == "vendor":
            description.vendor += [(name, place) for name in split_top(rest)]
        elif keyword == "version":
            description.versions.append(parse_version(place, rest))
        elif keyword == "since":
            description.versions += parse_since(place, rest)
        else:
            raise place.error(f"unknown statement '{keyword}' (one of {STATEMENTS})")
    return description


def parse_symbols(path):
    """Rows of node, symbol, users -> {node: set of symbols}."""
    result = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#") and line.strip():
                node, symbol = line.rstrip("\n").split("\t")[:2]
                result.setdefault(node, set()).add(symbol)
    return result


def parse_all(paths, symbol_paths=()):
    api = Api()
    for path in paths:
        api.descriptions.append(parse_file(path))
    for path in symbol_paths:
        for node, names in parse_symbols(path).items():
            api.symbols.setdefault(node, set()).update(names)
    return api
