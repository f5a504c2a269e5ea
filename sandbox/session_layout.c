// SPDX-License-Identifier: Apache-2.0
//
// The regions of memory 0, as the report has them.
#include "sandbox/session_internal.h"
#include "sandbox/wasm/layout.h"

_Static_assert((int)REPORT_STACK_UNKNOWN == (int)STACK_EVIDENCE_NONE &&
                   (int)REPORT_STACK_LOW == (int)STACK_EVIDENCE_LOW &&
                   (int)REPORT_STACK_DATA == (int)STACK_EVIDENCE_DATA &&
                   (int)REPORT_STACK_FIRST == (int)STACK_EVIDENCE_FIRST &&
                   (int)REPORT_STACK_GIVEN == (int)STACK_EVIDENCE_GIVEN &&
                   (int)REPORT_STACK_COUNT == (int)STACK_EVIDENCE_COUNT,
               "both have the same kinds of evidence");

void session_layout(const struct module *module, struct session_layout *layout)
{
    struct layout found;

    layout_find(module, &found);
    *layout = (struct session_layout){
        .regions =
            {
                [REPORT_REGION_DATA - REPORT_REGION_DATA] = found.data,
                [REPORT_REGION_BSS - REPORT_REGION_DATA] = found.bss,
                [REPORT_REGION_STACK - REPORT_REGION_DATA] = found.stack,
                [REPORT_REGION_HEAP - REPORT_REGION_DATA] = found.heap,
            },
        .evidence = (uint8_t)module->stack.evidence,
    };
}
