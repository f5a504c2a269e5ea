// SPDX-License-Identifier: Apache-2.0
//
// What the files of the broker share with each other and with nobody else. Their functions answer
// 0, an errno, or an enum file_error.
#pragma once

#include "host/broker.h"

// The entry of a handle, NULL if it is not open.
struct broker_entry *broker_find(struct broker *broker, uint32_t handle);

// From what beneath.h's functions answer.
int broker_error(int result);

int broker_read_link(const struct broker_entry *entry, const struct file_request *request,
                     uint8_t *bytes, size_t *length);

// Creates, removes, renames, links.
int broker_change(struct broker *broker, const struct broker_entry *entry,
                  const struct file_request *request);
