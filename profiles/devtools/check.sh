echo 'int main(void) { return 0; }' > "$work/main.c"
gcc -o "$work/main" "$work/main.c"
"$work/main"
make --version > /dev/null
