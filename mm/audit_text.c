/* SPDX-License-Identifier: MIT */
#include "mm/audit.h"

#include "kernel/base/format.h"

/* Text in pieces, cut where the room ends. */
struct text {
    char *out;
    u64 bytes, used;
};

static void put(struct text *text, const char *fmt, ...) PRINTF(2, 3);
static void put(struct text *text, const char *fmt, ...)
{
    va_list args;
    if (text->used + 1 >= text->bytes)
        return;
    va_start(args, fmt);
    text->used += (u64)format_va(text->out + text->used, text->bytes - text->used, fmt,
                                 args);
    va_end(args);
}

static void put_frame(struct text *text, const struct audit_finding *finding)
{
    /* A free frame still has the name of its last owner. */
    enum frame_owner owner = frame_owner_of(finding->word);
    put(text, ": frame P:%#lx (%s%s%s)", finding->frame.raw,
        owner == OWNER_NONE ? "" : frame_owner_name(owner),
        owner == OWNER_NONE ? "" : ", ",
        frame_state_name(frame_state_of(finding->word)));
    if (finding->part)
        put(text, ", part of %s%s", finding->part,
            owner == OWNER_NONE ? ", never allocated or reserved" : "");
}

static void put_owners(struct text *text, u64 owners)
{
    const char *before = ", expected one of ";
    for (u32 i = 0; i < OWNER_COUNT; i++)
        if (owners >> i & 1) {
            put(text, "%s%s", before, frame_owner_name((enum frame_owner)i));
            before = ", ";
        }
}

void audit_finding_text(const struct audit_finding *finding, char *out, u64 out_bytes)
{
    struct text text = {out, out_bytes, 0};
    put(&text, "%s", finding->what);
    if (finding->word.word != 0)
        put_frame(&text, finding);
    if (finding->entry_at.raw != 0)
        put(&text, ", entry P:%#lx = %#lx for V:%#lx", finding->entry_at.raw,
            finding->entry, finding->virt);
    if (finding->holder)
        put(&text, ", held by %s", finding->holder);
    if (finding->owners)
        put_owners(&text, finding->owners);
    else
        put(&text, ", expected %#lx, found %#lx", finding->expected, finding->found);
}
