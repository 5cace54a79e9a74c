# The worker's plans and steps, and what drives them.

muster_test(plan planner)
muster_test(step planner)
