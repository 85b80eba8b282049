/* SPDX-License-Identifier: MIT
 *
 * What kind of place a kernel address is, in a few words.
 */
#include "kernel/base/format.h"
#include "kernel/early/image.h"
#include "kernel/trap_explain.h"
#include "mm/heap.h"
#include "mm/kernel_space.h"
#include "mm/kernel_stack.h"
#include "mm/ram.h"

static bool is_between(u64 virt, const u8 *begin, const u8 *end)
{
    return virt >= (u64)(uintptr_t)begin && virt < (u64)(uintptr_t)end;
}

/* NULL when the address is not in the image. */
static const char *image_place(u64 virt)
{
    if (!is_between(virt, image_begin, image_end))
        return NULL;
    if (is_between(virt, text_begin, text_end))
        return "kernel text";
    if (virt < (u64)(uintptr_t)rodata_begin)
        return "kernel text's tail";
    if (virt < (u64)(uintptr_t)data_begin)
        return "kernel constants";
    return "kernel data";
}

static const char *heap_place(u64 virt)
{
    struct heap_where where;

    heap_locate(virt_make(virt), &where);
    switch (where.place) {
    case HEAP_PLACE_GUARD:
        return "a guard page of the kernel heap";
    case HEAP_PLACE_FREE:
        return "a free slot of the kernel heap";
    case HEAP_PLACE_OBJECT:
        return "an object of the kernel heap";
    case HEAP_PLACE_FREED:
        return "freed memory of the kernel heap";
    case HEAP_PLACE_NEVER:
    case HEAP_PLACE_OUTSIDE:
        break;
    }
    return "kernel heap that nobody holds";
}

/* Whether virt lies in a window of layout.h. */
#define IN_WINDOW(virt, name) ((virt) - (name##_BASE) < (name##_BYTES))

const char *trap_place_text(u64 virt, char *out, u64 out_bytes)
{
    const char *text = image_place(virt);
    struct kernel_stack_place stack;
    phys_t phys;

    if (!virt_is_canonical(virt_make(virt)))
        text = "not canonical";
    else if (virt < NULL_GUARD_BYTES)
        text = "the null page";
    else if (virt < USER_END)
        text = "a program's half";
    else if (IN_WINDOW(virt, HEAP))
        text = heap_place(virt);
    else if (IN_WINDOW(virt, FRAME_TABLE))
        text = "the frame table";
    else if (IN_WINDOW(virt, MODULES))
        text = "the boot modules";
    if (text != NULL)
        format(out, out_bytes, "%s", text);
    else if (IN_WINDOW(virt, DIRECT_MAP))
        format(out, out_bytes, "the direct map of P:%#lx%s", virt - DIRECT_MAP_BASE,
               ram_contains(phys_make(virt - DIRECT_MAP_BASE), 1)
                   ? ""
                   : ", which is not RAM");
    else if (kernel_stack_locate(virt_make(virt), &stack))
        format(out, out_bytes, "%s%s", stack.in_guard ? "the guard below " : "",
               stack.name);
    else if (aperture_find(virt_make(virt), &phys))
        format(out, out_bytes, "the device window of P:%#lx", phys.raw);
    else
        format(out, out_bytes, "no window of the kernel");
    return out;
}
