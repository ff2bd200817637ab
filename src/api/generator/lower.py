# SPDX-License-Identifier: Apache-2.0
"""Checks the descriptions against each other, turns plain calls into ops, and gives ops their permanent numbers."""

import os

from .model import ApiError, Field, Op, OP_FLAGS

OP_LIBRARIES = {"driver": "cuda", "cudart": "cuda", "ops": "cuda"}


def read_lock(path):
    numbers = {}
    if not os.path.exists(path):
        return numbers
    shown = os.path.relpath(path)
    with open(path, encoding="utf-8") as file:
        for line, text in enumerate(file, 1):
            words = text.split("#")[0].split()
            if not words:
                continue
            if len(words) != 2 or not words[1].isdigit():
                raise ApiError(shown, line, "expected 'name number'")
            if words[0] in numbers or int(words[1]) in numbers.values():
                raise ApiError(shown, line, f"'{words[0]} {words[1]}' is taken already")
            numbers[words[0]] = int(words[1])
    return numbers


def register(api):
    stems = [d.stem for d in api.descriptions]
    owners = {}
    for description in api.descriptions:
        for include, place in description.includes:
            if include not in stems:
                raise place.error(f"there is no '{include}.api'")
        for type_ in description.types:
            if type_.name in api.types:
                raise type_.place.error(f"type '{type_.name}' is described twice")
            api.types[type_.name] = type_
        for call in description.calls:
            if call.name in owners:
                raise call.place.error(f"'{call.name}' is described twice")
            if not description.library:
                raise call.place.error("a call needs a 'library' statement in its file")
            if call.base and call.ret != description.library.status:
                raise call.place.error(f"a per-thread variant returns the library's status, '{call.base.name}' returns '{call.ret}'")
            owners[call.name] = True
            call.library = description.library
            api.calls[call.name] = call
            api.prototypes[call.name] = call
        for name, place in description.unsupported:
            if name in owners:
                raise place.error(f"'{name}' is described twice")
            owners[name] = True


def lower_param(api, call, param, fields, replies):
    """Appends the fields of the op, and of its reply, that carry one parameter."""
    place, name = param.place, param.name
    category, found = api.resolve(param.ctype) if "*" not in param.ctype else ("pointer", None)
    if param.annotation is None:
        if category == "scalar":
            fields.append(Field(name, found, param=param))
        elif category == "enum":
            fields.append(Field(name, "i32", param=param))
        elif category == "handle":
            fields.append(Field(name, "id", kind=found.object_kind, param=param))
        elif category == "value":
            fields.append(Field(name, "content", kind=found.object_kind, param=param))
        elif category == "pointer":
            raise place.error(f"pointer '{name}' of a plain call needs an annotation")
        else:
            raise place.error(f"'{name}' has type '{param.ctype}', which a plain call cannot carry")
        return
    pointee = param.ctype.rsplit("*", 1)[0].strip()
    if param.annotation == "dev":
        fields.append(Field(name, "dev", param=param))
    elif param.annotation == "scalar":
        if "void" in pointee.split() and not param.expression:
            raise place.error(f"'{name}' points to void: '[scalar BYTES]'")
        fields.append(Field(name, "scalar", param=param))
    elif param.annotation == "result":
        if "void" in pointee.split() and not param.expression:
            raise place.error(f"'{name}' points to void: '[result BYTES]'")
        fields.append(Field(name, "result", param=param))
        replies.append(Field(name, "array", element="u8", param=param))
    else:
        kind, scalar = api.resolve(pointee)
        if kind == "enum":
            scalar = "i32"
        elif kind != "scalar":
            raise place.error(f"'[{param.annotation}]' carries numbers, '{name}' has type '{param.ctype}'")
        if param.annotation == "in":
            fields.append(Field(name, "array", element=scalar, param=param))
        elif param.expression:
            raise place.error(f"'{name}': a plain call's '[out]' is one value, longer outputs are for custom ops")
        else:
            replies.append(Field(name, scalar, param=param))


def lower_call(api, call):
    """A plain call is also an op of the same name."""
    fields, replies = [], []
    for param in call.params:
        lower_param(api, call, param, fields, replies)
    if call.ret.split()[-1] != call.library.status:
        raise call.place.error(f"a plain call returns the library's status, '{call.name}' returns '{call.ret}'")
    # What varies in size goes last, so that the fixed part stays in one piece.
    fields.sort(key=lambda f: f.n_fixed() is None)
    attributes = {k: v for k, v in call.attributes.items() if k in OP_FLAGS or k == "stream"}
    op = Op(call.place, call.doc, True, call.name, fields, replies, attributes, None)
    op.call = call
    call.op = op
    return op


def check_op(op):
    fixed = True
    places = {}
    for field in op.fields:
        if fixed and field.n_fixed() is not None:
            places[field.name] = field
        if field.n_fixed() is None:
            fixed = False
        for factor in field.extent or ():
            if not factor.isdigit() and factor not in [f.name for f in op.fields]:
                raise op.place.error(f"the extent of '{field.name}' names no parameter '{factor}'")
    for flag in ("up", "down"):
        if flag in op.attributes and not ("n_bytes" in places and places["n_bytes"].wire == "u64"):
            raise op.place.error(f"op '{op.name}' is '{flag}': it needs 'u64 n_bytes' before anything of varying size")
    stream = op.attributes.get("stream")
    if stream and not (stream in places and places[stream].wire == "id"):
        raise op.place.error(f"'stream={stream}' names no id parameter before anything of varying size")
    if op.replies and "memo" not in op.attributes and "sync" not in op.attributes and not op.call:
        raise op.place.error(f"op '{op.name}' has a reply: it needs 'sync' or 'memo'")
    if op.execute:
        names = [f.name for f in op.fields + op.replies]
        for argument in op.execute[1]:
            if argument not in names and not argument.lstrip("-").isalnum():
                raise op.place.error(f"'{argument}' is no parameter of op '{op.name}'")


def check_vendor(api, op):
    if not op.execute:
        return
    name, arguments = op.execute
    call = api.prototypes.get(name)
    if call is None:
        raise op.place.error(f"no call '{name}' is described")
    if len(call.params) != len(arguments):
        raise op.place.error(f"'{name}' takes {len(call.params)} arguments, not {len(arguments)}")


def number_ops(api, lock_path, update):
    numbers = read_lock(lock_path)
    ops = [o for d in api.descriptions for o in d.ops]
    new = [o for o in ops if o.name not in numbers]
    if new and not update:
        raise new[0].place.error(f"op '{new[0].name}' has no number: run src/api/generate.py --update-lock")
    if new:
        following = max(numbers.values(), default=0) + 1
        with open(lock_path, "a", encoding="utf-8") as file:
            if not numbers:
                file.write("# SPDX-License-Identifier: Apache-2.0\n"
                           "# Permanent op numbers. Lines are appended by generate.py --update-lock and never change.\n")
            for op in new:
                numbers[op.name] = following
                file.write(f"{op.name} {following}\n")
                following += 1
    for op in ops:
        op.number = numbers[op.name]
    return numbers


def lower_all(api, lock_path, update=False):
    register(api)
    for description in api.descriptions:
        library = OP_LIBRARIES.get(description.stem, description.stem)
        description.ops += [lower_call(api, c) for c in description.calls if c.kind == "plain"]
        for op in description.ops:
            if op.name in api.ops:
                raise op.place.error(f"op '{op.name}' is described twice")
            api.ops[op.name] = op
            op.library = library
            check_op(op)
    unsupported = {name for d in api.descriptions for name, _ in d.unsupported}
    for description in api.descriptions:
        for op in description.ops:
            check_vendor(api, op)
        for name, place in description.vendor:
            if name not in api.prototypes:
                raise place.error(f"no call '{name}' is described")
        for name, pairs, place in description.versions:
            for _, function in pairs:
                if function not in api.prototypes and function not in unsupported:
                    raise place.error(f"no call '{function}' is described")
    number_ops(api, lock_path, update)
