/* SPDX-License-Identifier: Apache-2.0
 *
 * k_boxes: non-maximum suppression, greedy.
 */
#include "k_boxes.h"

#include "k_sort.h"

void k_boxes_corners(const float *box, int64_t n, bool middle, float *corner)
{
    for (int64_t i = 0; i < n; i++, box += 4, corner += 4)
        for (int a = 0; a < 2; a++) {
            float low = box[a], high = box[2 + a];
            if (middle) {
                float half = box[2 + a] / 2;
                low = box[a] - half;
                high = box[a] + half;
            } else if (low > high) {
                low = box[2 + a];
                high = box[a];
            }
            corner[2 * a] = low;
            corner[2 * a + 1] = high;
        }
}

/* Boxes without an area overlap with nothing. */
static bool overlaps(const float *p, const float *q, float limit)
{
    float both = 1, p_area = 1, q_area = 1;
    for (int a = 0; a < 4; a += 2) {
        float low = p[a] > q[a] ? p[a] : q[a], high = p[a + 1] < q[a + 1] ? p[a + 1] : q[a + 1];
        if (!(high > low))
            return false;
        both *= high - low;
        p_area *= p[a + 1] - p[a];
        q_area *= q[a + 1] - q[a];
    }
    float all = p_area + q_area - both;
    return both > 0 && p_area > 0 && q_area > 0 && all > 0 && both / all > limit;
}

static bool scores_less(const void *score, int64_t a, int64_t b)
{
    const float *s = score;
    return s[a] < s[b];
}

int64_t k_boxes_choose(const struct k_boxes *b, const float *score, int64_t *order, int64_t *spare,
                       int64_t *chosen)
{
    int64_t n = 0, count = 0;
    for (int64_t i = 0; i < b->n; i++)
        if (!b->by_score || score[i] > b->least)
            order[n++] = i;
    k_sort(order, spare, n, scores_less, score);
    for (int64_t i = 0; i < n && count < b->most; i++) {
        const float *box = b->corner + 4 * order[i];
        int64_t k = 0;
        while (k < count && !overlaps(box, b->corner + 4 * chosen[k], b->overlap))
            k++;
        if (k == count)
            chosen[count++] = order[i];
    }
    return count;
}
