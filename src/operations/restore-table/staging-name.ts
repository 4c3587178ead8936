/** What schemas are called that tables come into before they get to their place, as POSIX and JavaScript both read it. */
export const stagingPattern = '^holdfast_[0-9a-f]{12}(_[0-9]+)?$'
