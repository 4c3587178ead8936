# Makes one call after another and times each, as PostgreSQL's own archiver does: a small process. To start another one from
# the process of the bench itself, which has hundreds of megabytes, takes longer than some of the calls.
#
# Each line of the input is fields with tabs between: a file that is renamed after the call, and to what (nothing: it is
# removed); the program; its arguments. Each line of the output is milliseconds.
use strict;
use warnings;
use Time::HiRes qw(time);

$| = 1;
while (my $line = <STDIN>) {
    chomp $line;
    my ($from, $to, $program, @arguments) = split /\t/, $line, -1;
    my $began = time;
    system { $program } $program, @arguments;
    die "$program @arguments ended with $?\n" if $?;
    if ($to eq '') { unlink $from or die "$from: $!\n" }
    else { rename $from, $to or die "$from: $!\n" }
    printf "%.3f\n", 1000 * (time - $began);
}
