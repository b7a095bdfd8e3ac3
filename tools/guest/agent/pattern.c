#include "agent.h"

#include <time.h>

#define STEP 0x9e3779b97f4a7c15ull

/* The eight bytes at an aligned place; cheap enough to make gigabytes on an emulated processor. */
static uint64_t pattern_word(uint64_t seed, uint64_t offset)
{
	uint64_t w = seed * 0xd1342543de82ef95ull + (offset >> 3) * STEP;

	return w ^ (w >> 29);
}

static unsigned char pattern_byte(uint64_t seed, uint64_t offset)
{
	return pattern_word(seed, offset) >> (offset & 7) * 8;
}

void pattern_make(void *buffer, size_t length, uint64_t seed, uint64_t offset)
{
	unsigned char *bytes = buffer;

	for (; length && ((offset | (uintptr_t)bytes) & 7); length--)
		*bytes++ = pattern_byte(seed, offset++);
	for (uint64_t w = seed * 0xd1342543de82ef95ull + (offset >> 3) * STEP; length >= 8; w += STEP) {
		*(uint64_t *)bytes = w ^ (w >> 29);
		bytes += 8;
		offset += 8;
		length -= 8;
	}
	for (; length; length--)
		*bytes++ = pattern_byte(seed, offset++);
}

ssize_t pattern_check(const void *buffer, size_t length, uint64_t seed, uint64_t offset)
{
	const unsigned char *start = buffer, *bytes = buffer;

	for (; length && ((offset | (uintptr_t)bytes) & 7); length--)
		if (*bytes++ != pattern_byte(seed, offset++))
			return bytes - start - 1;
	for (uint64_t w = seed * 0xd1342543de82ef95ull + (offset >> 3) * STEP; length >= 8; w += STEP) {
		if (*(const uint64_t *)bytes != (w ^ (w >> 29)))
			break;
		bytes += 8;
		offset += 8;
		length -= 8;
	}
	for (; length; length--)
		if (*bytes++ != pattern_byte(seed, offset++))
			return bytes - start - 1;
	return -1;
}

uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += STEP;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

uint64_t random_below(uint64_t *state, uint64_t limit)
{
	return random_next(state) % limit;
}

uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}
