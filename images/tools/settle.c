/*
 * settle SECONDS MILLISECONDS SEED
 *
 * For a guest that goes on from a saved state: sets the clock to so long after 1970, and makes the kernel's random numbers its own. SEED is
 * 64 hexadecimal digits that nobody else has. Status 0: done. 1: something could not be done, and standard error says what.
 *
 * Two machines that go on from one state have the same key for random numbers until the kernel renews it, which it does once a minute. What is
 * written to /dev/urandom only waits for that, so the kernel has to be told to do it now, and no program of Alpine's minirootfs can
 * (drivers/char/random.c, RNDRESEEDCRNG). There is no C library, for the reasons that growfs.c has.
 */

typedef unsigned int u32;
typedef unsigned long long u64;

/* arch/x86/entry/syscalls/syscall_32.tbl */
enum { EXIT = 1, WRITE = 4, OPEN = 5, IOCTL = 54, CLOCK_SETTIME64 = 404 };

/* include/uapi/linux/random.h */
#define RNDADDENTROPY 0x40085203u
#define RNDRESEEDCRNG 0x5207u
#define O_WRONLY 1u
#define O_CLOEXEC 02000000u
#define CLOCK_REALTIME 0u
#define SEED_BYTES 32u

static struct {
	u32 bits, bytes;
	unsigned char seed[SEED_BYTES];
} entropy;

static struct {
	u64 seconds;
	u64 nanoseconds;
} now;

static int call(int number, u32 a, u32 b, u32 c)
{
	int result;
	__asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

#define POINTER(x) ((u32)(x))

static int fail(const char *text)
{
	u32 length = 0;

	while (text[length])
		length++;
	call(WRITE, 2, POINTER(text), length);
	return 1;
}

/* Whether the text is nothing but a decimal number. */
static int number(const char *text, u64 *value)
{
	*value = 0;
	if (!*text)
		return 0;
	for (; *text >= '0' && *text <= '9'; text++)
		*value = *value * 10 + (u32)(*text - '0');
	return !*text;
}

static int digit(char letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static int seed(const char *text)
{
	u32 at;

	for (at = 0; at < SEED_BYTES; at++, text += 2) {
		int high = digit(text[0]);
		int low = high < 0 ? -1 : digit(text[1]);

		if (low < 0)
			return 0;
		entropy.seed[at] = (unsigned char)(high << 4 | low);
	}
	return !*text;
}

static int work(int count, char **arguments)
{
	int device, failed = 0;
	u64 milliseconds;

	if (count != 4 || !number(arguments[1], &now.seconds) || !number(arguments[2], &milliseconds) || milliseconds > 999 ||
	    !seed(arguments[3]))
		return fail("usage: settle SECONDS MILLISECONDS SEED\n");
	now.nanoseconds = milliseconds * 1000000;
	if (call(CLOCK_SETTIME64, CLOCK_REALTIME, POINTER(&now), 0) < 0)
		failed = fail("settle: the clock can't be set\n");
	entropy.bits = 8 * SEED_BYTES;
	entropy.bytes = SEED_BYTES;
	device = call(OPEN, POINTER("/dev/urandom"), O_WRONLY | O_CLOEXEC, 0);
	if (device < 0 || call(IOCTL, (u32)device, RNDADDENTROPY, POINTER(&entropy)) < 0 ||
	    call(IOCTL, (u32)device, RNDRESEEDCRNG, 0) < 0)
		failed = fail("settle: the random numbers can't be renewed\n");
	return failed;
}

/* The kernel leaves the number of arguments and then their addresses on the stack. */
__attribute__((used)) static void begin(u32 *stack)
{
	call(EXIT, (u32)work((int)stack[0], (char **)(stack + 1)), 0, 0);
	__builtin_unreachable();
}

__asm__(".globl _start\n_start:\n\tmovl %esp, %eax\n\tandl $-16, %esp\n\tpushl %eax\n\tpushl %eax\n\tpushl %eax\n\tpushl %eax\n\tcall begin\n");
