/* SPDX-License-Identifier: MIT
 *
 * Bounded formatting: a small parser for one conversion, and one routine per kind of
 * argument.
 */
#include "kernel/base/format.h"
#include "kernel/base/string.h"

#define FORMAT_WIDTH_MAX 0x7FFFFFFF

/* Where the text goes. length counts what was wanted, also beyond the end. */
struct sink {
    char *out;
    u64 bytes;
    u64 length;
};

/* One parsed conversion. precision is negative when none was given. */
struct spec {
    bool left, zero, plus, space, alternate;
    char conversion;
    char length; /* 'H' for hh, 'h', 'l' for everything 64 bits wide, 0 for int */
    int64_t width;
    int64_t precision;
};

/* A number ready to print. */
struct number {
    char prefix[3];
    char digits[24];
    u64 digit_count;
};

/* The cursor into a format. */
struct parser {
    const char *at;
};

static void put_text(struct sink *sink, const char *text, u64 count)
{
    if (sink->length < sink->bytes) {
        u64 room = sink->bytes - sink->length;

        memcpy(sink->out + sink->length, text, MIN(count, room));
    }
    sink->length += count;
}

static void put_fill(struct sink *sink, char fill, int64_t count)
{
    if (count <= 0)
        return;
    if (sink->length < sink->bytes) {
        u64 room = sink->bytes - sink->length;

        memset(sink->out + sink->length, fill, MIN((u64)count, room));
    }
    sink->length += (u64)count;
}

static void put_string(struct sink *sink, const struct spec *spec, const char *text)
{
    u64 count;

    if (text == NULL)
        text = "(null)";
    count = spec->precision < 0 ? strlen(text) : strnlen(text, (u64)spec->precision);
    if (!spec->left)
        put_fill(sink, ' ', spec->width - (int64_t)count);
    put_text(sink, text, count);
    if (spec->left)
        put_fill(sink, ' ', spec->width - (int64_t)count);
}

/* Prefix and digits with the padding that flags, width and precision ask for. */
static void put_number(struct sink *sink, const struct spec *spec,
                       const struct number *number)
{
    int64_t digits = (int64_t)number->digit_count;
    int64_t prefix = (int64_t)strlen(number->prefix);
    int64_t zeros = MAX(spec->precision - digits, 0);
    int64_t pad;

    if (spec->zero && !spec->left && spec->precision < 0)
        zeros = MAX(spec->width - prefix - digits, 0);
    pad = spec->width - prefix - zeros - digits;
    if (!spec->left)
        put_fill(sink, ' ', pad);
    put_text(sink, number->prefix, (u64)prefix);
    put_fill(sink, '0', zeros);
    put_text(sink, number->digits + sizeof(number->digits) - digits, (u64)digits);
    if (spec->left)
        put_fill(sink, ' ', pad);
}

/* The digits of value at the end of number->digits. None for 0: the precision decides.
 */
static void number_digits(struct number *number, u64 value, u32 base, bool capitals)
{
    const char *letters = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    char *at = number->digits + sizeof(number->digits);

    for (number->digit_count = 0; value != 0; value /= base, number->digit_count++)
        *--at = letters[value % base];
}

static void number_add_zero(struct number *number)
{
    number->digits[sizeof(number->digits) - ++number->digit_count] = '0';
}

static void put_signed(struct sink *sink, const struct spec *spec, int64_t value)
{
    struct number number = {.prefix = ""};

    number_digits(&number, value < 0 ? 0 - (u64)value : (u64)value, 10, false);
    if (value == 0 && spec->precision != 0)
        number_add_zero(&number);
    number.prefix[0] = value < 0 ? '-' : spec->plus ? '+' : spec->space ? ' ' : '\0';
    put_number(sink, spec, &number);
}

static void put_unsigned(struct sink *sink, const struct spec *spec, u64 value)
{
    struct number number = {.prefix = ""};
    char kind = spec->conversion;
    u32 base = kind == 'x' || kind == 'X' ? 16 : kind == 'o' ? 8 : 10;

    number_digits(&number, value, base, kind == 'X');
    if (value == 0 && spec->precision != 0)
        number_add_zero(&number);
    if (spec->alternate && base == 16 && value != 0) {
        number.prefix[0] = '0';
        number.prefix[1] = kind;
    }
    if (spec->alternate && base == 8 &&
        spec->precision <= (int64_t)number.digit_count &&
        (number.digit_count == 0 || value != 0))
        number_add_zero(&number);
    put_number(sink, spec, &number);
}

static void put_pointer(struct sink *sink, const struct spec *spec, u64 value)
{
    struct spec wide = {.left = spec->left, .width = spec->width, .precision = 16};
    struct number number = {.prefix = "0x"};

    number_digits(&number, value, 16, false);
    put_number(sink, &wide, &number);
}

static bool parse_flag(struct spec *spec, char c)
{
    switch (c) {
    case '-':
        spec->left = true;
        return true;
    case '0':
        spec->zero = true;
        return true;
    case '+':
        spec->plus = true;
        return true;
    case ' ':
        spec->space = true;
        return true;
    case '#':
        spec->alternate = true;
        return true;
    default:
        return false;
    }
}

static int64_t parse_number(struct parser *parser)
{
    int64_t value = 0;

    for (; *parser->at >= '0' && *parser->at <= '9'; parser->at++)
        if (value < FORMAT_WIDTH_MAX)
            value = value * 10 + (*parser->at - '0');
    return MIN(value, FORMAT_WIDTH_MAX);
}

static void parse_length(struct parser *parser, struct spec *spec)
{
    char c = *parser->at;

    if (c == 'h') {
        spec->length = 'h';
        parser->at++;
        if (*parser->at == 'h') {
            spec->length = 'H';
            parser->at++;
        }
    } else if (c == 'l' || c == 'z' || c == 't' || c == 'j') {
        spec->length = 'l';
        parser->at++;
        if (c == 'l' && *parser->at == 'l')
            parser->at++;
    }
}

/* In a struct, because a va_list handed to a function is indeterminate for its caller
 * afterwards, and an array type besides. */
struct arguments {
    va_list list;
};

static int64_t signed_argument(const struct spec *spec, struct arguments *arguments)
{
    if (spec->length == 'l')
        return va_arg(arguments->list, long);
    if (spec->length == 'h')
        return (short)va_arg(arguments->list, int);
    if (spec->length == 'H')
        return (signed char)va_arg(arguments->list, int);
    return va_arg(arguments->list, int);
}

static u64 unsigned_argument(const struct spec *spec, struct arguments *arguments)
{
    if (spec->length == 'l')
        return va_arg(arguments->list, unsigned long);
    if (spec->length == 'h')
        return (u16)va_arg(arguments->list, unsigned);
    if (spec->length == 'H')
        return (u8)va_arg(arguments->list, unsigned);
    return va_arg(arguments->list, unsigned);
}

static void parse_width(struct parser *parser, struct spec *spec,
                        struct arguments *arguments)
{
    if (*parser->at != '*') {
        spec->width = parse_number(parser);
        return;
    }
    parser->at++;
    spec->width = va_arg(arguments->list, int);
    if (spec->width < 0) {
        spec->left = true;
        spec->width = -spec->width;
    }
}

static void parse_precision(struct parser *parser, struct spec *spec,
                            struct arguments *arguments)
{
    spec->precision = -1;
    if (*parser->at != '.')
        return;
    parser->at++;
    if (*parser->at == '*') {
        parser->at++;
        spec->precision = va_arg(arguments->list, int);
    } else {
        spec->precision = parse_number(parser);
    }
}

static void put_character(struct sink *sink, const struct spec *spec, char c)
{
    put_fill(sink, ' ', spec->left ? 0 : spec->width - 1);
    put_text(sink, &c, 1);
    put_fill(sink, ' ', spec->left ? spec->width - 1 : 0);
}

/* Takes the argument and prints it. False for a conversion that is none of ours. */
static bool put_conversion(struct sink *sink, const struct spec *spec,
                           struct arguments *arguments)
{
    switch (spec->conversion) {
    case '%':
        put_text(sink, "%", 1);
        return true;
    case 'c':
        put_character(sink, spec, (char)va_arg(arguments->list, int));
        return true;
    case 's':
        put_string(sink, spec, va_arg(arguments->list, const char *));
        return true;
    case 'd':
    case 'i':
        put_signed(sink, spec, signed_argument(spec, arguments));
        return true;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        put_unsigned(sink, spec, unsigned_argument(spec, arguments));
        return true;
    case 'p':
        put_pointer(sink, spec, (u64)(uintptr_t)va_arg(arguments->list, void *));
        return true;
    default:
        return false;
    }
}

static void format_into(struct sink *sink, const char *fmt, struct arguments *arguments)
{
    struct parser parser = {fmt};

    for (;;) {
        const char *text = parser.at;
        struct spec spec = {0};

        while (*parser.at != '\0' && *parser.at != '%')
            parser.at++;
        put_text(sink, text, (u64)(parser.at - text));
        if (*parser.at == '\0')
            return;
        text = parser.at++;
        while (parse_flag(&spec, *parser.at))
            parser.at++;
        parse_width(&parser, &spec, arguments);
        parse_precision(&parser, &spec, arguments);
        parse_length(&parser, &spec);
        spec.conversion = *parser.at;
        /* The text may end inside a conversion. */
        parser.at += spec.conversion != '\0';
        if (!put_conversion(sink, &spec, arguments))
            put_text(sink, text, (u64)(parser.at - text));
    }
}

int format_va(char *out, u64 out_bytes, const char *fmt, va_list arguments)
{
    struct sink sink = {.out = out, .bytes = out_bytes == 0 ? 0 : out_bytes - 1};
    struct arguments copy;

    va_copy(copy.list, arguments);
    format_into(&sink, fmt, &copy);
    va_end(copy.list);
    if (out_bytes != 0)
        out[MIN(sink.length, sink.bytes)] = '\0';
    return (int)MIN(sink.length, (u64)__INT_MAX__);
}

int format(char *out, u64 out_bytes, const char *fmt, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, fmt);
    length = format_va(out, out_bytes, fmt, arguments);
    va_end(arguments);
    return length;
}
