# SPDX-License-Identifier: Apache-2.0
"""Which files are generated, from what."""

from . import client, doors, entries, examples, headers, ops, server, soft


def generate(api):
    """name -> text of every generated file."""
    files = {}
    for description in api.descriptions:
        if description.statements:
            name, text = headers.header(api, description)
            files[name] = text
    files["ops.h"] = ops.ops_h(api)
    files["ops.c"] = ops.ops_c(api)
    files["op_examples.h"] = examples.examples_h()
    files["op_examples.c"] = examples.examples_c(api)
    for description in client.served(api):
        name, text = client.client_c(api, description)
        files[name] = text
    if any(d.stem == "driver" for d in client.served(api)):
        files["soft_variants.c"] = soft.soft_variants_c(api)
    files["client_bodies.h"] = client.bodies_h(api)
    files["client_entries.c"] = entries.entries_c(api)
    files["issue_ops.h"] = client.issue_h(api)
    files["calls.h"] = client.calls_h(api)
    files["calls.c"] = client.calls_c(api)
    files["vendor.h"] = server.vendor_h(api)
    files["vendor.c"] = server.vendor_c(api)
    files["server_bodies.h"] = server.bodies_h(api)
    files["server_dispatch.c"] = server.dispatch_c(api)
    files.update(doors.files(api))
    return files
