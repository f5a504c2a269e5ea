// SPDX-License-Identifier: Apache-2.0
#include <pinfold.h>
#include <stdio.h>

static void app_log(int32_t level, const char *text, size_t length) /* natural C */
{
    printf("[%d] %.*s\n", level, (int)length, text);
}

int main(void)
{
    pnf_host *host;
    pnf_plugin *plugin;
    pnf_bytes greeting;

    if (pnf_host_open(NULL, &host) != PNF_OK)
        return 1;
    pnf_host_function(host, "app.log(level: i32, text: str)", PNF_NATIVE(app_log), NULL);
    if (pnf_load(host, "greet.wasm", "greet.yaml", &plugin) != PNF_OK ||
        pnf_call(plugin, "greet(name: str) -> str", "Ada", (size_t)3, &greeting) != PNF_OK)
        fprintf(stderr, "%s\n", pnf_error_text());
    else
        printf("%.*s\n", (int)greeting.length, greeting.data);
    pnf_host_close(host);
    return 0;
}
