#include "edge/h2_budget.h"

void h2_budget_init(struct h2_budget *b, uint64_t now_ms)
{
    *b = (struct h2_budget){.left = H2_BUDGET_MAX, .filled = now_ms};
}

void h2_budget_earn(struct h2_budget *b, uint32_t gain)
{
    b->left = gain > H2_BUDGET_MAX - b->left ? H2_BUDGET_MAX : b->left + gain;
}

static void fill(struct h2_budget *b, uint64_t now_ms)
{
    uint64_t seconds = now_ms > b->filled ? (now_ms - b->filled) / 1000 : 0;
    if (seconds == 0)
        return;
    b->filled += seconds * 1000;
    uint64_t gain = seconds > H2_BUDGET_MAX ? H2_BUDGET_MAX : seconds * H2_BUDGET_PER_SECOND;
    h2_budget_earn(b, gain > H2_BUDGET_MAX ? H2_BUDGET_MAX : (uint32_t)gain);
}

bool h2_budget_spend(struct h2_budget *b, uint64_t now_ms, uint32_t cost)
{
    fill(b, now_ms);
    if (b->left < cost) {
        b->left = 0;
        return false;
    }
    b->left -= cost;
    return true;
}
