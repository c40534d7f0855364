#include "http/chars.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Shorthands for the table. Letters a–f differ from the rest only by CHAR_HEX. */
#define WORD (CHAR_TOKEN | CHAR_PATH | CHAR_PLAIN | CHAR_HOST)
#define LETTER (WORD | CHAR_BASE64)
#define MARK (CHAR_TOKEN | CHAR_PATH | CHAR_PLAIN)
#define DELIM (CHAR_PATH | CHAR_PLAIN)

const uint8_t chars_class[256] = {
    ['0' ... '9'] = LETTER | CHAR_HEX | CHAR_DIGIT,
    ['a' ... 'f'] = LETTER | CHAR_HEX,
    ['g' ... 'z'] = LETTER,
    ['A' ... 'F'] = LETTER | CHAR_HEX,
    ['G' ... 'Z'] = LETTER,
    ['-'] = WORD,
    ['.'] = WORD,
    ['_'] = WORD,
    ['~'] = MARK,
    ['!'] = MARK,
    ['$'] = MARK,
    ['&'] = MARK,
    ['\''] = MARK,
    ['*'] = MARK,
    ['+'] = MARK | CHAR_BASE64,
    ['('] = DELIM,
    [')'] = DELIM,
    [','] = DELIM,
    ['='] = DELIM,
    [':'] = DELIM,
    ['@'] = DELIM,
    ['/'] = DELIM | CHAR_BASE64,
    [';'] = CHAR_PATH,
    ['%'] = CHAR_TOKEN | CHAR_PATH,
    ['#'] = CHAR_TOKEN,
    ['^'] = CHAR_TOKEN,
    ['`'] = CHAR_TOKEN,
    ['|'] = CHAR_TOKEN,
};

const uint8_t chars_token_lower[256] = {
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6',
    ['7'] = '7', ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',
    ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',
    ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',
    ['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',
    ['z'] = 'z', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f',
    ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm',
    ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't',
    ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z', ['-'] = '-',
    ['.'] = '.', ['_'] = '_', ['~'] = '~', ['!'] = '!', ['$'] = '$', ['&'] = '&', ['\''] = '\'',
    ['*'] = '*', ['+'] = '+', ['%'] = '%', ['#'] = '#', ['^'] = '^', ['`'] = '`', ['|'] = '|',
};

static inline bool is_control(uint8_t c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

size_t chars_find_control(const uint8_t *at, size_t len)
{
    size_t i = 0;
#if defined(__SSE2__)
    const __m128i last = _mm_set1_epi8(0x1f);
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; len - i >= 16; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, last), v);
        __m128i bad =
            _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(v, tab), low), _mm_cmpeq_epi8(v, del));
        int mask = _mm_movemask_epi8(bad);
        if (mask != 0)
            return i + (size_t)__builtin_ctz((unsigned)mask);
    }
#endif
    while (i < len && !is_control(at[i]))
        i++;
    return i;
}

bool chars_is_token(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is(s.at[i], CHAR_TOKEN))
            return false;
    return s.len > 0;
}
