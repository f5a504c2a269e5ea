// SPDX-License-Identifier: Apache-2.0
//
// The header as C++ sees it. Compiled, never run.
#include <pinfold.h>

static void app_log(int32_t level, const char *text, size_t length)
{
    (void)level;
    (void)text;
    (void)length;
}

int main()
{
    pnf_options options = {};
    pnf_host *host = nullptr;

    if (pnf_host_open(&options, &host) == PNF_OK)
        pnf_host_function(host, "app.log(level: i32, text: str)", PNF_NATIVE(app_log), nullptr);
    pnf_host_close(host);
    return pnf_last_error()->status == PNF_STATUS_COUNT;
}
