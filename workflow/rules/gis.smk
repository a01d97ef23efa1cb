rule qgis_project:
    input:
        **(
            dict(
                stitched=expand(
                    f"{RESULTS}/stitched/{{group}}.parquet", group=plan.groups
                )
            )
            if settings.chain == SEGMENTATION
            else dict(completeness=COMPLETENESS, judging=rules.judging.output.manifest)
        ),
        manifest=MANIFEST,
        rasters=expand(f"{RESULTS}/scaled/{{group}}.parquet", group=plan.groups),
    output:
        project=f"{RESULTS}/{settings.run}.qgz",
        scenes=f"{RESULTS}/scenes.gpkg",
    log:
        f"{RESULTS}/logs/qgis_project.log",
    benchmark:
        f"{RESULTS}/benchmarks/qgis_project.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code_version=code_version("qgis_project"),
        plan=PLAN,
        body=settings.body,
    message:
        "project for QGIS"
    script:
        "../scripts/qgis_project.py"
