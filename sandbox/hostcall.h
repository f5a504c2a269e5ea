// SPDX-License-Identifier: Apache-2.0
//
// A call of a host function by the guest: the arguments go from slots and linear memory into a
// frame (report.h), the host answers, and what it answers goes back. While it works on it, the host
// may call the plugin's exports.
#pragma once

#include "sandbox/plan.h"
#include "sandbox/session.h"

// An imported function that no library provides; the context of hostcall.
struct hostcall {
    struct session *session;
    enum report_service service; // the rest is of those that the host serves
    struct plan plan;
    struct plan_wire wire;
    uint32_t index; // among these
};

// The host_callback of such imports.
enum trap_code hostcall(void *context, struct store *store, union slot *slots);
