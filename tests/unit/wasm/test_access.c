// SPDX-License-Identifier: Apache-2.0
//
// Being written by the worker of run tests.
int main(void)
{
    return 0;
}
