/* What a binary convolution starts counting from, so that padding and zero_point come out exactly.
 *
 * With n weights in all, S_in and S_out the sums of those at taps inside and outside the map, and P the number of bits
 * that differ where taps outside read as bits 0, that is +1:
 *     sum over taps inside of x w  =  n - 2 P - S_out
 * The accumulator adds pad_value S_out and zero_point S_in, hence
 *     base = n + (pad_value - 1) S_out + zero_point S_in.
 * It depends on which taps are outside only: rows with the same first and last row of taps inside are one class, and as
 * both fall from row to row, the rows of a class are neighbours. Columns alike; a class is a pair of both. */
#include "bits.h"
#include "net.h"

typedef struct {
    int32_t from, to; /* taps from <= i < to are inside */
} sw_inside;

typedef struct {
    int32_t size, out, kernel, stride, dilation, pad;
} sw_axis;

static sw_inside sw_inside_at(const sw_axis *a, int32_t y) {
    const int32_t top = y * a->stride - a->pad;
    const int32_t from = top >= 0 ? 0 : (-top + a->dilation - 1) / a->dilation;
    const int32_t to = a->size <= top ? 0 : (a->size - top + a->dilation - 1) / a->dilation;
    const sw_inside in = {from < a->kernel ? from : a->kernel, to < a->kernel ? to : a->kernel};
    return in.to < in.from ? (sw_inside){in.from, in.from} : in;
}

/* Numbers the classes of an axis; `one` where all rows are of one class. Returns how many there are. */
static int32_t sw_classify(const sw_axis *a, int one, int32_t *class_of) {
    int32_t count = 1;
    sw_inside before = sw_inside_at(a, 0);
    for (int32_t y = 0; y < a->out; y++) {
        const sw_inside in = sw_inside_at(a, y);
        count += !one && (in.from != before.from || in.to != before.to);
        before = in;
        if (class_of) class_of[y] = count - 1;
    }
    return count;
}

/* Sum of one filter's weights at each tap. */
static void sw_sum_taps(const uint8_t *filter, int32_t taps, int32_t depth, int32_t *sums) {
    for (int32_t tap = 0; tap < taps; tap++) {
        sums[tap] = depth;
        for (int32_t left = (depth + 7) / 8; left > 0; left -= 8, filter += left < 0 ? left + 8 : 8) {
            sums[tap] -= 2 * sw_popcount(sw_load_bytes(filter, left < 8 ? left : 8));
        }
    }
}

static int32_t sw_sum_inside(const int32_t *sums, int32_t kernel_w, sw_inside rows, sw_inside columns) {
    int32_t sum = 0;
    for (int32_t i = rows.from; i < rows.to; i++) {
        for (int32_t j = columns.from; j < columns.to; j++) sum += sums[i * kernel_w + j];
    }
    return sum;
}

void sw_make_base(sw_bump *bump, const sw_node *node, const sw_geometry *g, sw_bconv *layer) {
    const sw_axis rows = {g->in_h, g->out_h, g->kernel_h, g->stride_h, g->dilation_h, g->pad_top};
    const sw_axis columns = {g->in_w, g->out_w, g->kernel_w, g->stride_w, g->dilation_w, g->pad_left};
    const int32_t pad_value = node->numbers[1], zero_point = node->numbers[2], one = pad_value == 1 && !zero_point;
    int32_t *row_class = sw_take(bump, 4 * (uint64_t)g->out_h), *column_class = sw_take(bump, 4 * (uint64_t)g->out_w);
    const int32_t row_classes = sw_classify(&rows, one, row_class);
    const int32_t column_classes = sw_classify(&columns, one, column_class);
    const int32_t channels = sw_padded_channels(g->out_c), depth = g->in_c / g->groups;
    const int32_t taps = g->kernel_h * g->kernel_w;
    const uint64_t entries = (uint64_t)row_classes * (uint64_t)column_classes * (uint64_t)channels;
    int32_t *base = sw_take(bump, 4 * entries), *sums = sw_take(bump, 4 * (uint64_t)taps);
    *layer = (sw_bconv){*g, 0, base, row_class, column_class, column_classes};
    if (!base) return;
    for (uint64_t i = 0; i < entries; i++) base[i] = taps * depth;
    const sw_inside every_row = {0, g->kernel_h}, every_column = {0, g->kernel_w};
    for (int32_t c = 0; c < g->out_c && !one; c++) {
        sw_sum_taps(node->constants[SW_WEIGHT].data + (int64_t)c * taps * ((depth + 7) / 8), taps, depth, sums);
        const int32_t all = sw_sum_inside(sums, g->kernel_w, every_row, every_column);
        for (int32_t r = 0, y = 0; r < row_classes; r++) {
            while (row_class[y] < r) y++;
            for (int32_t k = 0, x = 0; k < column_classes; k++) {
                while (column_class[x] < k) x++;
                const int32_t in = sw_sum_inside(sums, g->kernel_w, sw_inside_at(&rows, y), sw_inside_at(&columns, x));
                int32_t *entry = base + ((int64_t)r * column_classes + k) * channels + c;
                *entry += (pad_value - 1) * (all - in) + zero_point * in;
            }
        }
    }
}
