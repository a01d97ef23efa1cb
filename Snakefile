# What `snakemake` reads in a clone; other workflows take workflow/Snakefile as a module.
include: "workflow/Snakefile"


# An include leaves the default target as it was.
workflow.default_target = "all"
