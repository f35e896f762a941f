# Starting node takes a while on an emulated processor: once is enough.
[ "$(node -e 'console.log(6 * 7)')" = 42 ]
command -v npm > /dev/null
