// SPDX-License-Identifier: Apache-2.0
// Five bodies under gravity, n steps of symplectic Euler integration in doubles.
#include "program.h"

#define BODY_COUNT 5u

struct body {
    double position[3];
    double velocity[3];
    double mass;
};

static struct body bodies[BODY_COUNT];

// One heavy body at rest and four light ones on nearly circular, tilted orbits.
static void place_bodies(void)
{
    static const double DISTANCE[BODY_COUNT] = {0.0, 1.0, 1.75, 3.0, 5.5};
    for (uint32_t i = 0; i < BODY_COUNT; i++) {
        double distance = DISTANCE[i];
        struct body *body = &bodies[i];
        body->position[0] = distance;
        body->position[1] = 0.0;
        body->position[2] = 0.03 * distance * (i % 2 ? 1.0 : -1.0);
        body->velocity[0] = 0.0;
        body->velocity[1] = i == 0 ? 0.0 : __builtin_sqrt(40.0 / distance);
        body->velocity[2] = 0.01 * (double)i;
        body->mass = i == 0 ? 40.0 : 0.002 * (double)i;
    }
}

static void attract(struct body *a, struct body *b, double step)
{
    double dx = a->position[0] - b->position[0];
    double dy = a->position[1] - b->position[1];
    double dz = a->position[2] - b->position[2];
    double square = dx * dx + dy * dy + dz * dz;
    double pull = step / (square * __builtin_sqrt(square));
    a->velocity[0] -= dx * b->mass * pull;
    a->velocity[1] -= dy * b->mass * pull;
    a->velocity[2] -= dz * b->mass * pull;
    b->velocity[0] += dx * a->mass * pull;
    b->velocity[1] += dy * a->mass * pull;
    b->velocity[2] += dz * a->mass * pull;
}

static void advance(double step)
{
    for (uint32_t i = 0; i < BODY_COUNT; i++) {
        for (uint32_t j = i + 1; j < BODY_COUNT; j++)
            attract(&bodies[i], &bodies[j], step);
    }
    for (uint32_t i = 0; i < BODY_COUNT; i++) {
        for (uint32_t axis = 0; axis < 3; axis++)
            bodies[i].position[axis] += step * bodies[i].velocity[axis];
    }
}

static double energy(void)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < BODY_COUNT; i++) {
        const struct body *a = &bodies[i];
        double square = 0.0;
        for (uint32_t axis = 0; axis < 3; axis++)
            square += a->velocity[axis] * a->velocity[axis];
        sum += 0.5 * a->mass * square;
        for (uint32_t j = i + 1; j < BODY_COUNT; j++) {
            double distance_square = 0.0;
            for (uint32_t axis = 0; axis < 3; axis++) {
                double difference = a->position[axis] - bodies[j].position[axis];
                distance_square += difference * difference;
            }
            sum -= a->mass * bodies[j].mass / __builtin_sqrt(distance_square);
        }
    }
    return sum;
}

uint64_t run(uint32_t n)
{
    place_bodies();
    uint64_t checksum = double_bits(energy());
    for (uint32_t step = 0; step < n; step++)
        advance(0.0005);
    return checksum_add(checksum, double_bits(energy()));
}
