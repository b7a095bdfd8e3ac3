/* Work that goes on until it is interrupted, and knows at any time what it should find. */
#define _GNU_SOURCE
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096
#define MAX_FILES 1024

static struct {
	char directory[256];
	int files, blocks;
	uint64_t seed, state;
	int fd[MAX_FILES];
	/* How often each block of each file was written. */
	uint16_t *generation;
	char first_error[256];
	unsigned char block[BLOCK];
} load;

static void failure(const char *what, int file, int block, int error)
{
	if (progress->errors++ == 0)
		snprintf(load.first_error, sizeof load.first_error, "%s of block %d of file %d: %s", what, block, file,
			 error ? strerror(error) : "other contents than were written");
}

static uint64_t block_seed(int file, int block)
{
	return load.seed + file * 1000003ull + load.generation[file * load.blocks + block] * 7919ull;
}

static void write_block(int file, int block)
{
	load.generation[file * load.blocks + block]++;
	pattern_make(load.block, BLOCK, block_seed(file, block), (uint64_t)block * BLOCK);
	if (pwrite(load.fd[file], load.block, BLOCK, (off_t)block * BLOCK) != BLOCK)
		failure("the write", file, block, errno);
	progress->bytes += BLOCK;
}

static void check_block(int file, int block)
{
	ssize_t length = pread(load.fd[file], load.block, BLOCK, (off_t)block * BLOCK);

	if (length != BLOCK)
		failure("the read", file, block, length < 0 ? errno : EIO);
	else if (pattern_check(load.block, BLOCK, block_seed(file, block), (uint64_t)block * BLOCK) >= 0)
		failure("the check", file, block, 0);
	progress->bytes += BLOCK;
}

static void check_size(int file)
{
	struct stat st;

	if (fstat(load.fd[file], &st) < 0)
		failure("the fstat", file, -1, errno);
	else if (st.st_size != (off_t)load.blocks * BLOCK)
		failure("the size", file, -1, 0);
}

/* A file comes, takes another name and goes. */
static void come_and_go(int file)
{
	static char from[300], to[300];
	struct stat st;
	int fd;

	snprintf(from, sizeof from, "%s/new%d", load.directory, file);
	snprintf(to, sizeof to, "%s/other%d", load.directory, file);
	fd = open(from, O_CREAT | O_EXCL | O_RDWR, 0600);
	if (fd < 0 || pwrite(fd, "abc", 3, 0) != 3 || rename(from, to) < 0 || stat(to, &st) < 0 || unlink(to) < 0)
		failure("coming and going", file, -1, errno);
	else if (st.st_size != 3 || stat(to, &st) == 0)
		failure("coming and going", file, -1, 0);
	if (fd >= 0)
		close(fd);
}

static void check_names(void)
{
	int seen = 0;
	DIR *directory = opendir(load.directory);

	if (directory == NULL) {
		failure("listing", -1, -1, errno);
		return;
	}
	for (struct dirent *entry; (entry = readdir(directory));)
		seen += strncmp(entry->d_name, "kept", 4) == 0;
	closedir(directory);
	/* Every second file has no name any more. */
	if (seen != (load.files + 1) / 2)
		failure("listing", -1, -1, 0);
}

static void one_operation(void)
{
	int file = random_below(&load.state, load.files), block = random_below(&load.state, load.blocks);
	int what = random_below(&load.state, 100);

	if (what < 35)
		write_block(file, block);
	else if (what < 60)
		check_block(file, block);
	else if (what < 85) {
		/* Out of the guest's own cache, so that the device is asked. */
		posix_fadvise(load.fd[file], (off_t)block * BLOCK, BLOCK, POSIX_FADV_DONTNEED);
		check_block(file, block);
	} else if (what < 92)
		check_size(file);
	else if (what < 96)
		come_and_go(file);
	else if (what < 98) {
		if (fsync(load.fd[file]) < 0)
			failure("the fsync", file, -1, errno);
	} else
		check_names();
	progress->operations++;
}

static int make_files(void)
{
	static char path[300];

	for (int file = 0; file < load.files; file++) {
		snprintf(path, sizeof path, "%s/kept%d", load.directory, file);
		load.fd[file] = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
		if (load.fd[file] < 0)
			return -1;
		if (file % 2 && unlink(path) < 0)
			return -1;
		for (int block = 0; block < load.blocks; block++)
			write_block(file, block);
	}
	return 0;
}

/*
 * churn directory files blocks seed [count]: keeps that many files of 4 KiB blocks open, every second one unlinked, and reads,
 * writes and checks them until `count` operations are done or an interrupt comes; then checks every byte once more
 */
static int do_churn(struct call *call)
{
	uint64_t count = number_or(call, 4, -1);

	snprintf(load.directory, sizeof load.directory, "%s", word(call, 0));
	load.files = number(call, 1);
	load.blocks = number(call, 2);
	load.seed = load.state = number(call, 3);
	if (load.files < 1 || load.files > MAX_FILES || load.blocks < 1)
		return wrong(call, "between 1 and 1024 files of at least one block");
	load.generation = calloc((size_t)load.files * load.blocks, sizeof *load.generation);
	load.first_error[0] = 0;
	progress->operations = progress->bytes = progress->errors = 0;
	if (make_files() < 0)
		return -1;
	hold_interrupts();
	while (progress->operations < count && !interrupt_waits())
		one_operation();
	release_interrupts();
	for (int file = 0; file < load.files; file++) {
		posix_fadvise(load.fd[file], 0, 0, POSIX_FADV_DONTNEED);
		for (int block = 0; block < load.blocks; block++)
			check_block(file, block);
		check_size(file);
		close(load.fd[file]);
	}
	free(load.generation);
	reply_number(call, "operations", progress->operations);
	reply_number(call, "bytes", progress->bytes);
	reply_number(call, "errors", progress->errors);
	reply_string(call, "first", load.first_error);
	return 0;
}

/*
 * dirtyram bytes pause: writes that much memory over and over, resting `pause` microseconds after each 64 pages, checking
 * each page before it is written again, until an interrupt comes
 */
static int do_dirtyram(struct call *call)
{
	size_t pages = number(call, 0) / BLOCK, at = 0;
	long long rest = number(call, 1), bad = 0;
	uint64_t round = 1;
	unsigned char *memory = mmap(NULL, pages * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || pages == 0)
		return -1;
	progress->operations = progress->bytes = progress->errors = 0;
	hold_interrupts();
	while (!interrupt_waits()) {
		unsigned char *page = memory + at * BLOCK;

		if (round > 1 && pattern_check(page, BLOCK, round - 1, at * BLOCK) >= 0)
			bad++;
		pattern_make(page, BLOCK, round, at * BLOCK);
		progress->operations++;
		progress->bytes += BLOCK;
		progress->errors = bad;
		if (++at == pages) {
			at = 0;
			round++;
		}
		if (rest && at % 64 == 0)
			usleep(rest);
	}
	release_interrupts();
	for (size_t i = 0; i < (round > 1 ? pages : at); i++)
		if (pattern_check(memory + i * BLOCK, BLOCK, i < at ? round : round - 1, i * BLOCK) >= 0)
			bad++;
	munmap(memory, pages * BLOCK);
	reply_number(call, "pages", progress->operations);
	reply_number(call, "rounds", round - 1);
	reply_number(call, "bad", bad);
	return 0;
}

const struct command_entry load_commands[] = {
	{ "churn", do_churn, 4, 5 },
	{ "dirtyram", do_dirtyram, 2, 2 },
	{ 0 },
};
