# The period of a pendulum, computed outside Python: gravity, length and amplitude in, seconds out.
#
#     awk -f examples/pendulum.awk 9.81 1.0 0.5
#
# The arithmetic-geometric mean gives the complete elliptic integral exactly:
# T = 2 pi sqrt(l / g) / agm(1, cos(a / 2)).
BEGIN {
    g = ARGV[1]; l = ARGV[2]; a = ARGV[3]
    if (g <= 0 || l <= 0) { print "gravity and length must be positive" > "/dev/stderr"; exit 1 }
    mean = 1.0; root = cos(a / 2.0)
    for (i = 0; i < 8; i++) { next_mean = (mean + root) / 2.0; root = sqrt(mean * root); mean = next_mean }
    printf "%.17g\n", 2.0 * atan2(0, -1) * sqrt(l / g) / mean
}
