// SPDX-License-Identifier: Apache-2.0
//
// What shapes_main.cc and shapes_side.cc have of each other.
#pragma once

#include <string>

// The main module's.
struct Shape {
    virtual ~Shape();
    virtual int area() const = 0;
    virtual std::string name() const = 0;
};
extern int main_offset;
int twice(int x);

// The side module's.
Shape *make_square(int side);
int apply(int (*function)(int), int x);
int (*doubler())(int);
extern int side_total;
int entries();
const std::string &history();
