# SPDX-License-Identifier: GPL-2.0-only
# The chart of exits.tsv, called by run.sh with tsv and svg set: for each row
# hv's share of stock KVM's instructions, both counts beside it.
set terminal svg size 860,640 font "sans-serif,11" noenhanced background rgb "white"
set output svg
set datafile separator "\t"
set title "Instructions per operation, hv as a share of stock KVM (emulated AMD host, lower is better)"
stats tsv every ::2 using 3 nooutput
n = int(STATS_records)
set yrange [n + 0.2:-0.8]
set xrange [0:1.25]
set format x "%.2f"
set xtics 0.25
set grid xtics
set arrow 1 from 1, graph 0 to 1, graph 1 nohead lc rgb "#b03030" lw 1.5
set label 1 "KVM" at 1, graph 1.015 center textcolor rgb "#b03030"
set ytics nomirror font ",10"
set border 3
set key off
plot tsv every ::2 using ($5 / 2):0:($5 / 2):(0.36):ytic(1) with boxxyerror \
	fs solid 0.9 noborder lc rgb "#1b6ca8", \
     '' every ::2 using ($5 + 0.01):0:(sprintf("%d / %d", $3, $4)) with labels left font ",9"
