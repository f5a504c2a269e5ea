// SPDX-License-Identifier: Apache-2.0
// n rows of a picture of mirroring balls over a chequered floor, in single precision.
// The picture is repeated every HEIGHT rows with the light at another place.
#include "program.h"

#include <stddef.h>

#define WIDTH           96u
#define HEIGHT          64u
#define BALL_COUNT      6u
#define REFLECTIONS_MAX 3u
#define FAR_AWAY        1e6f

struct vector {
    float x, y, z;
};

struct ball {
    struct vector centre;
    float radius;
    float brightness;
    float mirror; // share of the light that is reflected
};

// The ray is at origin + distance * direction; direction has length 1.
struct ray {
    struct vector origin;
    struct vector direction;
};

struct hit {
    float distance;
    struct vector point;
    struct vector normal;
    float brightness;
    float mirror;
};

static const struct ball BALLS[BALL_COUNT] = {
    {{0.0f, 1.0f, 6.0f}, 1.0f, 0.9f, 0.4f},    {{-2.0f, 0.7f, 5.0f}, 0.7f, 0.7f, 0.2f},
    {{2.1f, 0.8f, 5.5f}, 0.8f, 0.5f, 0.6f},    {{0.9f, 0.3f, 3.8f}, 0.3f, 1.0f, 0.0f},
    {{-0.8f, 0.35f, 4.0f}, 0.35f, 0.6f, 0.3f}, {{0.3f, 2.6f, 7.0f}, 0.6f, 0.8f, 0.5f},
};

static struct vector add(struct vector a, struct vector b)
{
    return (struct vector){a.x + b.x, a.y + b.y, a.z + b.z};
}

static struct vector subtract(struct vector a, struct vector b)
{
    return (struct vector){a.x - b.x, a.y - b.y, a.z - b.z};
}

static struct vector scale(struct vector a, float factor)
{
    return (struct vector){a.x * factor, a.y * factor, a.z * factor};
}

static float dot(struct vector a, struct vector b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static struct vector normalise(struct vector a)
{
    return scale(a, 1.0f / __builtin_sqrtf(dot(a, a)));
}

// The distance at which the ray enters the ball, or FAR_AWAY.
static float ball_distance(const struct ball *ball, struct ray ray)
{
    struct vector to_centre = subtract(ball->centre, ray.origin);
    float along = dot(to_centre, ray.direction);
    float square = ball->radius * ball->radius - dot(to_centre, to_centre) + along * along;
    if (square <= 0.0f)
        return FAR_AWAY;
    float distance = along - __builtin_sqrtf(square);
    return distance > 0.001f ? distance : FAR_AWAY;
}

static const struct ball *nearest_ball(struct ray ray, float *distance)
{
    const struct ball *nearest = NULL;
    *distance = FAR_AWAY;
    for (uint32_t i = 0; i < BALL_COUNT; i++) {
        float candidate = ball_distance(&BALLS[i], ray);
        if (candidate < *distance) {
            *distance = candidate;
            nearest = &BALLS[i];
        }
    }
    return nearest;
}

static void hit_floor(struct ray ray, struct hit *hit)
{
    float distance = -ray.origin.y / ray.direction.y;
    hit->distance = distance > 0.001f && distance < 100.0f ? distance : FAR_AWAY;
    hit->point = add(ray.origin, scale(ray.direction, hit->distance));
    hit->normal = (struct vector){0.0f, 1.0f, 0.0f};
    hit->mirror = 0.1f;
    if (hit->distance < FAR_AWAY) {
        int32_t square = (int32_t)(hit->point.x + 1000.0f) + (int32_t)(hit->point.z + 1000.0f);
        hit->brightness = square % 2 ? 0.9f : 0.2f;
    }
}

static void find_hit(struct ray ray, struct hit *hit)
{
    float distance;
    const struct ball *ball = nearest_ball(ray, &distance);
    if (ball == NULL) {
        hit->distance = FAR_AWAY;
        if (ray.direction.y < 0.0f)
            hit_floor(ray, hit);
        return;
    }
    hit->distance = distance;
    hit->point = add(ray.origin, scale(ray.direction, distance));
    hit->normal = scale(subtract(hit->point, ball->centre), 1.0f / ball->radius);
    hit->brightness = ball->brightness;
    hit->mirror = ball->mirror;
}

static float light_at(const struct hit *hit, struct vector lamp)
{
    struct vector to_lamp = normalise(subtract(lamp, hit->point));
    float angle = dot(to_lamp, hit->normal);
    float distance;
    if (angle <= 0.0f || nearest_ball((struct ray){hit->point, to_lamp}, &distance) != NULL)
        return 0.1f;
    return 0.1f + 0.9f * angle;
}

static float trace(struct ray ray, struct vector lamp)
{
    float sum = 0.0f;
    float share = 1.0f;
    for (uint32_t i = 0; i <= REFLECTIONS_MAX; i++) {
        struct hit hit;
        find_hit(ray, &hit);
        if (hit.distance >= FAR_AWAY)
            return sum + share * (0.4f + 0.3f * ray.direction.y);
        sum += share * (1.0f - hit.mirror) * hit.brightness * light_at(&hit, lamp);
        share *= hit.mirror;
        float along = dot(ray.direction, hit.normal);
        ray.origin = hit.point;
        ray.direction = normalise(subtract(ray.direction, scale(hit.normal, 2.0f * along)));
    }
    return sum;
}

uint64_t run(uint32_t n)
{
    uint64_t checksum = 0;
    for (uint32_t row = 0; row < n; row++) {
        float up = 0.75f - (float)(row % HEIGHT) * (1.5f / HEIGHT);
        struct vector lamp = {(float)(row / HEIGHT % 8) - 4.0f, 6.0f, 1.0f};
        uint64_t sum = 0;
        for (uint32_t column = 0; column < WIDTH; column++) {
            float right = (float)column * (2.0f / WIDTH) - 1.0f;
            struct ray ray = {{0.0f, 1.2f, -1.0f}, normalise((struct vector){right, up, 1.8f})};
            sum = sum * 31 + (uint32_t)(int32_t)(trace(ray, lamp) * 4096.0f);
        }
        checksum = checksum_add(checksum, sum);
    }
    return checksum;
}
