# The worker's plans and steps, and what drives them.

muster_test(plan planner)
muster_test(step planner)
muster_test(listing planner)
muster_test(report planner)
muster_test(job work)
muster_test(neighbours work)
muster_test(others work)
muster_test(lane work)
muster_test(publish work)
muster_test(answered work)
muster_test(log_tag work)
