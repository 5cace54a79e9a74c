# The contract: words, options, codec.

muster_test(contract contract)
muster_test(options base)
muster_test(log base)
