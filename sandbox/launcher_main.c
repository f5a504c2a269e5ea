// SPDX-License-Identifier: Apache-2.0
#include "sandbox/launcher.h"

int main(void)
{
    return launcher_run();
}
