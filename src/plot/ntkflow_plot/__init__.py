"""Figures of ntkflow's result files.

main      the command line, and which figures there are
results   what a result file holds, read and checked
style     colours, sizes and number formats that all figures share
idx       images of an IDX file, plain or gzip
the rest  one module for each subject; a function takes a Result and returns a figure, or None where the file has no
          data for it
"""
