#include "agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t crc32(const void *data, size_t length)
{
	return crc32_more(0, data, length);
}

uint32_t crc32_more(uint32_t sum, const void *data, size_t length)
{
	static uint32_t table[256];
	const unsigned char *bytes = data;
	uint32_t crc = ~sum;

	if (table[1] == 0)
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = i;

			for (int bit = 0; bit < 8; bit++)
				c = c & 1 ? (c >> 1) ^ 0xedb88320 : c >> 1;
			table[i] = c;
		}
	while (length--)
		crc = (crc >> 8) ^ table[(crc ^ *bytes++) & 0xff];
	return ~crc;
}

static void reserve(struct text *text, size_t more)
{
	size_t need = text->length + more + 1;

	if (need <= text->capacity)
		return;
	text->capacity = need * 2;
	text->data = realloc(text->data, text->capacity);
	if (text->data == NULL)
		abort();
}

void text_add(struct text *text, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	reserve(text, length);
	va_start(args, format);
	vsnprintf(text->data + text->length, length + 1, format, args);
	va_end(args);
	text->length += length;
}

void text_escape(struct text *text, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = bytes[i];

		if (c <= ' ' || c == '%' || c >= 0x7f)
			text_add(text, "%%%02x", c);
		else
			text_add(text, "%c", c);
	}
}

void text_hex(struct text *text, const void *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = bytes;
	char *to;

	reserve(text, length * 2);
	to = text->data + text->length;
	for (size_t i = 0; i < length; i++) {
		*to++ = digits[from[i] >> 4];
		*to++ = digits[from[i] & 15];
	}
	*to = 0;
	text->length += length * 2;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static void unescape(char *word)
{
	char *to = word;

	while (*word) {
		int high, low;

		if (word[0] == '%' && (high = digit(word[1])) >= 0 && (low = digit(word[2])) >= 0) {
			*to++ = high << 4 | low;
			word += 3;
		} else {
			*to++ = *word++;
		}
	}
	*to = 0;
}

int split_words(char *line, char **words, int limit)
{
	int count = 0;

	for (;;) {
		char *end = strchr(line, ' ');

		if (count == limit)
			return -1;
		words[count++] = line;
		if (end)
			*end = 0;
		unescape(line);
		if (!end)
			return count;
		line = end + 1;
	}
}

int check_line(char *line)
{
	char *mark = strrchr(line, '*');

	if (mark == NULL || mark == line || mark[-1] != ' ' || strlen(mark) != 9)
		return -1;
	mark[-1] = 0;
	return strtoul(mark + 1, NULL, 16) == crc32(line, strlen(line)) ? 0 : -1;
}

ssize_t from_hex(const char *hex, unsigned char *bytes, size_t limit)
{
	size_t count = 0;

	while (hex[0]) {
		int high = digit(hex[0]);
		int low = high < 0 ? -1 : digit(hex[1]);

		if (low < 0 || count == limit)
			return -1;
		bytes[count++] = high << 4 | low;
		hex += 2;
	}
	return count;
}
