# SPDX-License-Identifier: GPL-2.0-only
# The bar chart of exits.tsv; called by run.sh with tsv and svg set.
set terminal svg size 900,720 font "sans-serif,11" background rgb "white"
set output svg
set datafile separator "\t"
set title "Instructions per operation in the emulated AMD host (lower is better)"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9
set logscale y 10
set yrange [10:*]
set ylabel "executed instructions"
set grid ytics
set xtics rotate by -50 left font ",9" nomirror
set bmargin 16
set rmargin 14
set key top left
plot tsv using 3:xtic(1) every ::1 title "hv" lc rgb "#1b6ca8", \
     '' using 4 every ::1 title "stock KVM" lc rgb "#c9c9c9"
