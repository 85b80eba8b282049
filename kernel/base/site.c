/* SPDX-License-Identifier: MIT */
#include "kernel/base/site.h"
#include "kernel/base/format.h"

static site_namer_fn name_of;

void site_set_namer(site_namer_fn namer)
{
    name_of = namer;
}

const char *site_text(site_t site, char out[SITE_TEXT_BYTES])
{
    if (site.raw == 0)
        format(out, SITE_TEXT_BYTES, "nobody known");
    else if (name_of != NULL)
        return name_of(site_address(site), out);
    else
        format(out, SITE_TEXT_BYTES, "V:%016lx", site_address(site));
    return out;
}
