/*
 * fsx FILE OPERATIONS SEED
 *
 * Reads, writes, cuts, lengthens and maps a file at random, and keeps in memory what it has to hold: the test of Apple's that every file system
 * is tried with, written anew for a guest that has no C library. Ends with status 1 at the first difference and says where it is.
 */

#include "guest.h"

#define PAGE 4096u
#define SIZE_MAX (256u * 1024)
#define LENGTH_MAX (64u * 1024)
/* The whole file is compared after so many operations. */
#define COMPARE_EVERY 500u

/* include/uapi/asm-generic/mman-common.h */
enum { PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1, MAP_PRIVATE = 2 };
#define IS_ERROR(address) ((u32)(address) > 0xfffff000u)

static u8 model[SIZE_MAX], buffer[SIZE_MAX];
static u32 size, operation, file, random;
static const char *path;
static u32 reads, writes, cuts, mapped_reads, mapped_writes, refused, syncs, openings;

static u32 draw(void)
{
	random ^= random << 13;
	random ^= random >> 17;
	random ^= random << 5;
	return random;
}

static void different(const char *what, u32 at, u32 wanted, u32 found)
{
	say("fsx: different in operation ");
	say_number(operation);
	say(", ");
	say(what);
	say(" at ");
	say_number(at);
	say(": ");
	say_number(found);
	say(" in place of ");
	say_number(wanted);
	say("\n");
	leave(1);
}

static void check(const char *what, int result, u32 wanted)
{
	if (result != (int)wanted)
		different(what, 0, wanted, (u32)result);
}

static void compare(const char *what, u32 at, const u8 *found, u32 length)
{
	u32 i;

	for (i = 0; i < length; i++)
		if (found[i] != model[at + i])
			different(what, at + i, model[at + i], found[i]);
}

/* Now a few bytes, now many, now whole pages; whose place is anywhere. */
static u32 some_length(void)
{
	u32 dice = draw();

	if (dice % 8 == 0)
		return (dice >> 8) % LENGTH_MAX + 1;
	if (dice % 8 < 3)
		return ((dice >> 8) % 4 + 1) * PAGE;
	return (dice >> 8) % (2 * PAGE) + 1;
}

static u32 some_place(void)
{
	u32 dice = draw();
	u32 place = (dice >> 4) % SIZE_MAX;

	return dice % 4 ? place : place & ~(PAGE - 1);
}

static void zero(u32 from, u32 to)
{
	for (; from < to; from++)
		model[from] = 0;
}

static void fill(u8 *bytes, u32 length)
{
	u32 word = draw(), i;

	for (i = 0; i < length; i++, word = word * 5 + operation)
		bytes[i] = (u8)(word >> 24);
}

static void look_at_size(void)
{
	/* struct stat64 of i386: st_size is at byte 44. */
	static u32 stat[24];

	check("fstat", call(FSTAT64, file, POINTER(stat), 0), 0);
	if (stat[11] != size || stat[12])
		different("the size", 0, size, stat[11]);
}

static void read_some(void)
{
	u32 at = some_place(), length = some_length();
	u32 wanted = at >= size ? 0 : length < size - at ? length : size - at;

	check("a read's length", call5(PREAD64, file, POINTER(buffer), length, at, 0), wanted);
	compare("a read", at, buffer, wanted);
	reads++;
}

static void write_some(void)
{
	u32 at = some_place(), length = some_length();

	if (length > SIZE_MAX - at)
		length = SIZE_MAX - at;
	fill(buffer, length);
	check("a write's length", call5(PWRITE64, file, POINTER(buffer), length, at, 0), length);
	if (at > size)
		zero(size, at);
	__builtin_memcpy(model + at, buffer, length);
	if (at + length > size)
		size = at + length;
	writes++;
}

static void cut(void)
{
	u32 length = some_place();

	check("a truncation", call(FTRUNCATE, file, length, 0), 0);
	if (length > size)
		zero(size, length);
	size = length;
	cuts++;
}

static u8 *map(u32 protection, u32 flags, u32 at, u32 length)
{
	u32 arguments[6] = {0, length, protection, flags, file, at};

	return (u8 *)call(MMAP, POINTER(arguments), 0, 0);
}

static void map_some(u32 writes_too)
{
	u32 at = some_place() & ~(PAGE - 1), length = some_length(), shared = draw() & 1;
	u8 *bytes;

	if (at >= size)
		return;
	if (length > size - at)
		length = size - at;
	if (writes_too)
		bytes = map(PROT_READ | PROT_WRITE, MAP_SHARED, at, length);
	else
		bytes = map(PROT_READ, shared ? MAP_SHARED : MAP_PRIVATE, at, length);
	if (IS_ERROR(bytes)) {
		/* A file that can be written: a client without a cache refuses to share any mapping of it, as one could be made writable. */
		if (!writes_too && !shared)
			different("a mapping", at, 0, (u32)bytes);
		refused++;
		return;
	}
	compare("a mapping", at, bytes, length);
	if (writes_too) {
		fill(bytes, length);
		__builtin_memcpy(model + at, bytes, length);
		mapped_writes++;
	} else {
		mapped_reads++;
	}
	check("munmap", call(MUNMAP, POINTER(bytes), length, 0), 0);
}

static void open_it(u32 flags)
{
	int opened = call(OPEN, POINTER(path), O_RDWR | flags, 0644);

	if (opened < 0)
		different("an opening", 0, 0, (u32)opened);
	file = (u32)opened;
	openings++;
}

static void compare_all(void)
{
	look_at_size();
	check("the whole file's length", call5(PREAD64, file, POINTER(buffer), SIZE_MAX, 0, 0), size);
	compare("the whole file", 0, buffer, size);
}

static void operate(void)
{
	switch (draw() % 32) {
	case 0:
		check("fsync", call(FSYNC, file, 0, 0), 0);
		syncs++;
		break;
	case 1:
		check("close", call(CLOSE, file, 0, 0), 0);
		open_it(0);
		break;
	case 2:
		look_at_size();
		break;
	case 3:
	case 4:
	case 5:
		cut();
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		map_some(0);
		break;
	case 10:
	case 11:
		map_some(1);
		break;
	case 12:
	case 13:
	case 14:
	case 15:
	case 16:
	case 17:
	case 18:
	case 19:
	case 20:
	case 21:
		read_some();
		break;
	default:
		write_some();
	}
}

static void report(const char *what, u32 value)
{
	say(", ");
	say_number(value);
	say(what);
}

static int work(int count, char **arguments)
{
	u32 operations;

	if (count != 4)
		return 2;
	path = arguments[1];
	operations = number(arguments[2]);
	random = number(arguments[3]) * 2654435761u | 1;
	open_it(O_CREAT | O_TRUNC);
	for (operation = 1; operation <= operations; operation++) {
		operate();
		if (operation % COMPARE_EVERY == 0)
			compare_all();
	}
	compare_all();
	say("no difference in ");
	say_number(operations);
	say(" operations: ");
	say_number(reads);
	say(" reads");
	report(" writes", writes);
	report(" truncations", cuts);
	report(" mapped reads", mapped_reads);
	report(" mapped writes", mapped_writes);
	report(" shared mappings refused", refused);
	report(" fsyncs", syncs);
	report(" openings\n", openings);
	return 0;
}
