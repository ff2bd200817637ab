/* SPDX-License-Identifier: Apache-2.0 */
/* What is outstanding. */
#include "replay/tracker.h"

void rrto_tracker_init(struct rrto_tracker *tracker)
{
    *tracker = (struct rrto_tracker){.one_stream = true};
    rrto_map_init(&tracker->visible_on);
    rrto_map_init(&tracker->queued_on);
    rrto_map_init(&tracker->handles);
}

void rrto_tracker_fini(struct rrto_tracker *tracker)
{
    rrto_map_fini(&tracker->visible_on);
    rrto_map_fini(&tracker->queued_on);
    rrto_map_fini(&tracker->handles);
}

/* An op that puts work into a stream. Synchronises and questions put none there. */
static bool is_queued(const struct rrto_op_info *info)
{
    return info->flags & RRTO_OP_DEVICE && !(info->flags & (RRTO_OP_SYNC | RRTO_OP_ELIDABLE | RRTO_OP_MEMO));
}

/* One whose effect, or failure, the host could see by synchronising. */
static bool is_visible(const struct rrto_op_info *info)
{
    const uint32_t hidden = RRTO_OP_INFALLIBLE | RRTO_OP_INVISIBLE;
    return is_queued(info) && (info->flags & hidden) != hidden;
}

bool rrto_tracker_is_work(const struct rrto_op_info *info)
{
    return is_queued(info) && !(info->flags & RRTO_OP_DOWN) && (is_visible(info) || info->flags & RRTO_OP_UP);
}

bool rrto_tracker_is_result(const struct rrto_tracker *tracker, const struct rrto_op_info *info, bool wait)
{
    bool covers_down = info->flags & (RRTO_OP_SYNC | RRTO_OP_ELIDABLE) && info->flags & RRTO_OP_DEVICE && tracker->down;
    return wait && (info->flags & RRTO_OP_DOWN || covers_down);
}

/* What is known of the last op's stream joins the maps. Ops come in long runs on one stream: only where it changes, and
 * where the maps are read. */
static void settle(struct rrto_tracker *tracker)
{
    if (tracker->queued_here && !rrto_map_put(&tracker->queued_on, tracker->stream, tracker->queued_here))
        tracker->broken = true;
    if (tracker->visible_here && !rrto_map_put(&tracker->visible_on, tracker->stream, tracker->visible_here))
        tracker->broken = true;
}

/* The stream that the op goes to, by its own word or by the handle it uses; notes where it sets a handle. */
static bool stream_of(struct rrto_tracker *tracker, const struct rrto_optable *table, const struct rrto_op_info *info,
                      const uint8_t *op, size_t n, uint32_t *ret_stream)
{
    uint64_t handle, stream = 0;
    if (rrto_optable_stream(info, op, n, ret_stream))
        return true;
    switch (table->handle ? table->handle(info, op, n, &handle, ret_stream) : RRTO_HANDLE_NONE) {
    case RRTO_HANDLE_SET:
        if (!rrto_map_put(&tracker->handles, handle, *ret_stream))
            tracker->broken = true;
        return false;
    case RRTO_HANDLE_USED:
        (void)rrto_map_get(&tracker->handles, handle, &stream);
        *ret_stream = (uint32_t)stream;
        return true;
    case RRTO_HANDLE_NONE:
        break;
    }
    return false;
}

/* An op that was queued: not on the last one's stream, or on none in particular. */
static __attribute__((noinline)) void queued_elsewhere(struct rrto_tracker *tracker, bool has_stream, uint32_t stream,
                                                       uint64_t position, bool visible)
{
    if (has_stream) {
        settle(tracker);
        tracker->stream = stream;
        tracker->queued_here = position + 1;
        tracker->visible_here = visible ? position + 1 : 0;
    } else {
        tracker->queued_nowhere = position + 1;
        if (visible)
            tracker->visible_nowhere = position + 1;
    }
}

/* As below, of an op whose stream is not to be read off it, or that may be more than work for one. */
static __attribute__((noinline)) void issued_any(struct rrto_tracker *tracker, const struct rrto_optable *table,
                                                 const struct rrto_op_info *info, const uint8_t *op, size_t n,
                                                 uint64_t position, bool wait)
{
    uint32_t stream = 0;
    if (rrto_op_number(op) == table->stream_create)
        tracker->one_stream = false;
    if (info->flags & RRTO_OP_DOWN && !wait)
        tracker->down = position + 1;
    if (info->flags & (RRTO_OP_CLOSES | RRTO_OP_OPENS))
        tracker->n_closed += info->flags & RRTO_OP_CLOSES ? 1u : UINT32_MAX;
    bool has_stream = stream_of(tracker, table, info, op, n, &stream);
    if (!is_queued(info))
        return;
    bool visible = is_visible(info);
    if (has_stream && stream == tracker->stream) {
        tracker->queued_here = position + 1;
        if (visible)
            tracker->visible_here = position + 1;
    } else {
        queued_elsewhere(tracker, has_stream, stream, position, visible);
    }
    if (visible)
        tracker->visible = position + 1;
}

void rrto_tracker_issued(struct rrto_tracker *tracker, const struct rrto_optable *table,
                         const struct rrto_op_info *info, const uint8_t *op, size_t n, uint64_t position, bool wait)
{
    uint32_t stream;
    if (info->flags & (RRTO_OP_DOWN | RRTO_OP_CLOSES | RRTO_OP_OPENS) || !is_visible(info) ||
        !rrto_optable_stream(info, op, n, &stream) || stream != tracker->stream ||
        rrto_op_number(op) == table->stream_create) {
        issued_any(tracker, table, info, op, n, position, wait);
        return;
    }
    tracker->queued_here = tracker->visible_here = tracker->visible = position + 1; /* a launch: nearly all are */
}

bool rrto_tracker_quiet(struct rrto_tracker *tracker, struct rrto_receiver *receiver)
{
    uint64_t all = rrto_receiver_completed_all(receiver);
    if (tracker->broken)
        return false;
    if (tracker->visible <= all)
        return true;
    if (tracker->one_stream || tracker->visible_nowhere > all)
        return false;
    settle(tracker);
    if (tracker->broken)
        return false;
    size_t cursor = 0;
    uint64_t stream, position;
    while (rrto_map_next(&tracker->visible_on, &cursor, &stream, &position))
        if (position > all && position > rrto_receiver_completed_on(receiver, (uint32_t)stream))
            return false;
    return true;
}

bool rrto_tracker_other(struct rrto_tracker *tracker, struct rrto_receiver *receiver, uint32_t stream,
                        uint32_t *ret_stream, uint64_t *ret_position)
{
    uint64_t all = rrto_receiver_completed_all(receiver), other, position;
    size_t cursor = 0;
    settle(tracker);
    while (rrto_map_next(&tracker->visible_on, &cursor, &other, &position)) {
        if (other == stream || position <= all || position <= rrto_receiver_completed_on(receiver, (uint32_t)other))
            continue;
        *ret_stream = (uint32_t)other;
        *ret_position = position - 1;
        return true;
    }
    return false;
}

enum rrto_covers rrto_tracker_covers(const struct rrto_tracker *tracker, const struct rrto_optable *table,
                                     const struct rrto_op_info *info, const uint8_t *op, size_t n, uint32_t *ret_stream)
{
    *ret_stream = 0;
    if (rrto_op_number(op) == table->device_synchronize)
        return RRTO_COVERS_ALL;
    bool has_stream = rrto_optable_stream(info, op, n, ret_stream);
    if (!(info->flags & (RRTO_OP_DOWN | RRTO_OP_ELIDABLE)) || !has_stream)
        return RRTO_COVERS_ITSELF;
    return tracker->one_stream ? RRTO_COVERS_ALL : RRTO_COVERS_STREAM;
}

bool rrto_tracker_position(const struct rrto_tracker *tracker, uint32_t stream, uint64_t *ret_position)
{
    uint64_t position = 0;
    if (stream == tracker->stream)
        position = tracker->queued_here;
    else
        (void)rrto_map_get(&tracker->queued_on, stream, &position);
    if (tracker->queued_nowhere > position)
        position = tracker->queued_nowhere;
    if (position == 0)
        return false;
    *ret_position = position - 1;
    return true;
}
