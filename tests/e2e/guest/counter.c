/*
 * counter FILE TIMES
 *
 * Adds one to the number in FILE, so many times, each under a lock of POSIX (fcntl) on its first byte. Two of them at once count right only if
 * they keep each other out.
 */

#include "guest.h"

/* include/uapi/asm-generic/fcntl.h: F_SETLKW64 of i386, and struct flock64 as it is packed there. */
#define F_SETLKW64 14u
enum { F_WRLCK = 1, F_UNLCK = 2 };

static struct {
	short type, whence;
	u64 start, length;
	int pid;
} __attribute__((packed)) one;

static int lock(u32 file, short type)
{
	one.type = type;
	one.length = 1;
	return call(FCNTL64, file, F_SETLKW64, POINTER(&one));
}

static int work(int count, char **arguments)
{
	u32 times, value;
	int file;

	if (count != 3)
		return 2;
	file = call(OPEN, POINTER(arguments[1]), O_RDWR | O_CREAT, 0644);
	if (file < 0)
		return 1;
	for (times = number(arguments[2]); times; times--) {
		if (lock((u32)file, F_WRLCK) < 0)
			return 1;
		value = 0;
		if (call5(PREAD64, (u32)file, POINTER(&value), sizeof(value), 0, 0) < 0)
			return 1;
		value++;
		if (call5(PWRITE64, (u32)file, POINTER(&value), sizeof(value), 0, 0) != sizeof(value))
			return 1;
		if (lock((u32)file, F_UNLCK) < 0)
			return 1;
	}
	/* So far it is, with the other's. */
	say_number(value);
	say("\n");
	return 0;
}
