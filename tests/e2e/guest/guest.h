/*
 * What the tests' small programs for a guest share: i386 Linux without a C library, as the programs in images/tools.
 */

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

/* arch/x86/entry/syscalls/syscall_32.tbl */
enum { EXIT = 1, READ = 3, WRITE = 4, OPEN = 5, CLOSE = 6, MMAP = 90, MUNMAP = 91, FTRUNCATE = 93, FSYNC = 118, PREAD64 = 180, PWRITE64 = 181,
       FSTAT64 = 197, FCNTL64 = 221 };

/* include/uapi/asm-generic/fcntl.h */
#define O_RDWR 02u
#define O_CREAT 0100u
#define O_TRUNC 01000u

#define POINTER(x) ((u32)(x))

static int call5(int number, u32 a, u32 b, u32 c, u32 d, u32 e)
{
	int result;
	__asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
	return result;
}

static int call(int number, u32 a, u32 b, u32 c)
{
	return call5(number, a, b, c, 0, 0);
}

static void say(const char *text)
{
	u32 length = 0;

	while (text[length])
		length++;
	call(WRITE, 1, POINTER(text), length);
}

static void say_number(u32 value)
{
	char text[11];
	u32 at = sizeof(text) - 1;

	text[at] = 0;
	do
		text[--at] = (char)('0' + value % 10);
	while (value /= 10);
	say(text + at);
}

/* The number that a text is; what is no digit ends it. */
static u32 number(const char *text)
{
	u32 value = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (u32)(*text - '0');
	return value;
}

static void leave(int status)
{
	call(EXIT, (u32)status, 0, 0);
	__builtin_unreachable();
}

static int work(int count, char **arguments);

/* The kernel leaves the number of arguments and then their addresses on the stack. */
__attribute__((used)) static void begin(u32 *stack)
{
	leave(work((int)stack[0], (char **)(stack + 1)));
}

__asm__(".globl _start\n_start:\n\tmovl %esp, %eax\n\tandl $-16, %esp\n\tpushl %eax\n\tpushl %eax\n\tpushl %eax\n\tpushl %eax\n\tcall begin\n");
